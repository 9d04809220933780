-- migrate:up

create type line_change as (
    sku       text collate "C",
    short     integer,
    collected integer,
    refused   integer,
    returned  integer,
    on_hand   integer,  -- what this does to the units on the premises
    reason    text      -- as the ledger will say it
);

-- Change reservations of one store: state, lines, slot, stock, ledger and history, together or not at all.
-- `p_sets` holds the columns that change beside the state; a row of history names the step (p_action; null: no step).
-- What a line claims follows from its numbers and its reservation's state, so reserved moves by the difference.
-- Answers null when done; {"lines": […]} or {"slot": …} when claims that come back no longer fit (then nothing was changed).
create function advance(p_store text, p_ids uuid[], p_action text, p_target text, p_type text, p_sets jsonb,
                        p_changes line_change[], p_data jsonb, p_actor text, p_happened_at timestamptz, p_reality boolean)
returns jsonb language plpgsql as $$
declare
    v_old   reservation[];
    v_moves stock_move[];
    v_slots timestamptz[];
    v_full  timestamptz;
    v_short jsonb;
begin
    select array_agg(locked order by (locked).id) into v_old
      from (select r as locked from reservation r where store_id = p_store and id = any (p_ids) order by id for update) l;
    if v_old is null then
        return null;
    end if;

    -- Slots: taken while the order may still come or has come; given back by cancel, expire and lapse.
    with touched as (
        select o.slot_starts_at as starts_at, -1 as orders from unnest(v_old) o where o.state not in ('cancelled', 'expired')
        union all
        select n.slot_starts_at, 1 from unnest(v_old) o, jsonb_populate_record(o, p_sets) n
         where coalesce(p_target, o.state) not in ('cancelled', 'expired')
    )
    select array_agg(starts_at order by starts_at) into v_slots
      from (select starts_at from touched where starts_at is not null group by 1 having sum(orders) <> 0) moved;
    if v_slots is not null then
        perform from slot where store_id = p_store and starts_at = any (v_slots) order by starts_at for no key update;
        select min(s.starts_at) into v_full
          from unnest(v_old) o
          join slot s on s.store_id = p_store and s.starts_at = o.slot_starts_at
         where o.state = 'expired' and p_target = 'confirmed' and s.taken >= s.capacity;
        if v_full is not null then
            return jsonb_build_object('slot', rfc3339(v_full));
        end if;
    end if;

    with line as materialized (
        select l.*, claims_stock(o.state) as claimed, claims_stock(coalesce(p_target, o.state)) as claims,
               l.quantity - l.short - l.collected - l.refused as claim
          from unnest(v_old) o
          join reservation_line l on l.store_id = p_store and l.reservation_id = o.id
    ), change as (
        -- what was done to some units of a line …
        select l.reservation_id, l.sku, c.on_hand, c.reason,
               case when l.claimed or l.claims then -(c.short + c.collected + c.refused) else 0 end as reserved
          from line l join unnest(p_changes) c on c.sku = l.sku
        union all
        -- … and what becomes of the others' claims
        select l.reservation_id, l.sku, 0, p_action,
               case when l.claimed and not l.claims then -(l.claim - coalesce(done.units, 0))
                    when l.claims and not l.claimed then l.claim else 0 end
          from line l
          left join (select c.sku, sum(c.short + c.collected + c.refused)::integer as units from unnest(p_changes) c group by 1) done using (sku)
    )
    select array_agg((sku, on_hand, reserved, reason, reservation_id, null, null, coalesce(p_happened_at, now()))::stock_move order by sku, reservation_id)
      into v_moves
      from change where on_hand <> 0 or reserved <> 0;
    if v_moves is not null then
        v_short := move_stock(p_store, v_moves, p_actor, p_reality);
        if v_short is not null then
            return jsonb_build_object('lines', v_short);
        end if;
    end if;

    update slot s set taken = s.taken + moved.orders
      from (select starts_at, sum(orders)::integer as orders
              from (select o.slot_starts_at as starts_at, -1 as orders from unnest(v_old) o where o.state not in ('cancelled', 'expired')
                    union all
                    select n.slot_starts_at, 1 from unnest(v_old) o, jsonb_populate_record(o, p_sets) n
                     where coalesce(p_target, o.state) not in ('cancelled', 'expired')) t
             group by 1) moved
     where s.store_id = p_store and s.starts_at = moved.starts_at and moved.orders <> 0;

    update reservation_line l
       set short = l.short + c.short, collected = l.collected + c.collected, refused = l.refused + c.refused, returned = l.returned + c.returned
      from (select sku, sum(short)::integer as short, sum(collected)::integer as collected, sum(refused)::integer as refused,
                   sum(returned)::integer as returned from unnest(p_changes) group by sku) c
     where l.store_id = p_store and l.reservation_id = any (p_ids) and l.sku = c.sku;

    update reservation r
       set version = r.version + 1, updated_at = now(), state = coalesce(p_target, r.state),
           customer_name = n.customer_name, email = n.email, phone = n.phone, locale = n.locale,
           delegate_name = n.delegate_name, delegate_phone = n.delegate_phone, note = n.note,
           paid = n.paid, payment_ref = n.payment_ref, slot_starts_at = n.slot_starts_at,
           hold_expires_at = n.hold_expires_at, ready_by = n.ready_by, collect_by = n.collect_by, answer_by = n.answer_by,
           extended = n.extended, shelf = n.shelf, bags = n.bags, checked_by = n.checked_by,
           confirmed_at = n.confirmed_at, ready_at = n.ready_at, arrived_at = n.arrived_at, collected_at = n.collected_at,
           ended_at = case when claims_stock(coalesce(p_target, r.state)) then null
                           when p_action is not null then now() else r.ended_at end,
           put_back_at = n.put_back_at, reminded_at = n.reminded_at
      from unnest(v_old) o, jsonb_populate_record(o, p_sets) n
     where r.store_id = p_store and r.id = o.id;

    insert into event (store_id, id, type, reservation_id, version, action, source, target, data, actor, happened_at)
    select p_store, new_id(), p_type, o.id, o.version + 1, p_action,
           case when p_action is not null then o.state end, case when p_action is not null then p_target end, p_data, p_actor, coalesce(p_happened_at, now())
      from unnest(v_old) o order by o.id;
    return null;
end $$;

-- migrate:down
drop function advance;
drop type line_change;
