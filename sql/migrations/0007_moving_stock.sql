-- migrate:up

-- A time-ordered UUIDv7 (RFC 9562) for PostgreSQL older than 18.
create function new_id() returns uuid volatile language sql
return encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
       placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;

create type stock_move as (
    sku            text collate "C",
    on_hand        integer,
    reserved       integer,
    reason         text,
    reservation_id uuid,
    reference      text,
    order_ref      text,
    happened_at    timestamptz
);

create type stock_count as (
    sku          text collate "C",
    on_hand      integer,
    safety_stock integer,     -- null: as it was
    as_of        timestamptz
);

create type recorded_move as (
    n              integer,   -- which of the moves, from 1
    outcome        text,      -- recorded, repeated, differs
    on_hand_change integer    -- what the ledger says of it
);

-- Take positions in hand until the end of the transaction, in the order of their sku; `p_open`: make those that are not there.
create function lock_positions(p_store text, p_skus text[], p_open boolean) returns void language plpgsql as $$
begin
    if p_open then
        insert into position (store_id, sku)
        select p_store, named.sku from (select distinct unnest(p_skus) collate "C" as sku) named order by named.sku
        on conflict do nothing;
    end if;
    perform from position where store_id = p_store and sku = any (p_skus) order by sku for no key update;
end $$;

-- Was this already so when the position was last counted? Then the count has it.
create function is_counted(p "position", happened_at timestamptz) returns boolean immutable language sql
return coalesce(happened_at <= least(p.as_of, p.counted_at), false);

-- Write the ledger and the positions, which the caller has locked. `p_stated` is what the source said of each move's
-- on_hand; `p_counts` tells the moment and the safety stock of positions that were counted. Reality may raise a shortfall,
-- everything else only lowers it. Events are raised when a shortfall leaves zero, and when the last available unit goes.
create function write_stock(p_store text, p_moves stock_move[], p_stated integer[], p_counts stock_count[], p_actor text, p_reality boolean)
returns void language plpgsql as $$
begin
    insert into movement (store_id, sku, on_hand_change, reserved_change, stated_change, reason, reservation_id, reference, order_ref, actor, happened_at)
    select p_store, m.sku, m.on_hand, m.reserved, nullif(m.stated, m.on_hand), m.reason, m.reservation_id, m.reference, m.order_ref, p_actor, m.happened_at
      from unnest(p_moves, p_stated) with ordinality m(sku, on_hand, reserved, reason, reservation_id, reference, order_ref, happened_at, stated, n)
     order by m.n;

    with summed as (
        select sku, sum(on_hand)::integer as on_hand, sum(reserved)::integer as reserved
          from (select m.sku, m.on_hand, m.reserved from unnest(p_moves) m union all select c.sku, 0, 0 from unnest(p_counts) c) changed
         group by sku
    ), settled as materialized (
        select p as old, s.sku, p.on_hand + s.on_hand as on_hand, p.reserved + s.reserved as reserved,
               coalesce(c.safety_stock, p.safety_stock) as safety_stock, coalesce(c.as_of, p.as_of) as as_of,
               case when c.as_of is distinct from p.as_of and c.as_of is not null then now() else p.counted_at end as counted_at,
               case when p_reality then missing.units else least(p.shortfall, missing.units) end as shortfall
          from summed s
          join position p on p.store_id = p_store and p.sku = s.sku
          left join unnest(p_counts) c on c.sku = s.sku,
               lateral (select greatest(0, p.reserved + s.reserved - greatest(p.on_hand + s.on_hand, 0)) as units) missing
    ), moved as (
        update position p
           set on_hand = s.on_hand, reserved = s.reserved, safety_stock = s.safety_stock, shortfall = s.shortfall,
               as_of = s.as_of, counted_at = s.counted_at, version = p.version + 1
          from settled s
         where p.store_id = p_store and p.sku = s.sku
           and (p.on_hand, p.reserved, p.safety_stock, p.shortfall, p.as_of)
               is distinct from (s.on_hand, s.reserved, s.safety_stock, s.shortfall, s.as_of)
    )
    insert into event (store_id, id, type, sku, data, actor)
    select p_store, new_id(), raised.type, s.sku,
           jsonb_build_object('on_hand', s.on_hand, 'reserved', s.reserved, 'shortfall', s.shortfall), p_actor
      from settled s,
           lateral (values ('stock.shortfall', (s.old).shortfall = 0 and s.shortfall > 0),
                           ('stock.out', (s.old).on_hand - (s.old).reserved - (s.old).safety_stock > 0
                                         and s.on_hand - s.reserved - s.safety_stock <= 0)) raised(type, holds)
     where raised.holds
     order by s.sku, raised.type;
end $$;

-- Change positions and write the ledger, together, for reservations.
-- Claims that grow must fit in what is available, else nothing moves and the short lines come back: [{sku, asked, available}].
-- `p_reality`: what happened cannot be refused; it may leave a shortfall.
-- What happened before a position was last counted is in that count already: its on_hand moves by 0.
create function move_stock(p_store text, p_moves stock_move[], p_actor text, p_reality boolean)
returns jsonb language plpgsql as $$
declare
    v_short  jsonb;
    v_moves  stock_move[];
    v_stated integer[];
begin
    perform lock_positions(p_store, array(select m.sku from unnest(p_moves) m), p_reality);

    if not p_reality then
        select jsonb_agg(jsonb_build_object('sku', sku, 'asked', asked, 'available', coalesce(available, 0)) order by sku) into v_short
          from (select m.sku, sum(m.reserved)::integer as asked,
                       min(greatest(0, p.on_hand - p.reserved - p.safety_stock)) as available
                  from unnest(p_moves) m
                  left join position p on p.store_id = p_store and p.sku = m.sku
                 group by m.sku having sum(m.reserved) > 0) wanted
         where asked > coalesce(available, 0);
        if v_short is not null then
            return v_short;
        end if;
    end if;

    select array_agg((m.sku, case when is_counted(p, m.happened_at) then 0 else m.on_hand end, m.reserved, m.reason, m.reservation_id,
                      m.reference, m.order_ref, m.happened_at)::stock_move order by m.n),
           array_agg(m.on_hand order by m.n)
      into v_moves, v_stated
      from unnest(p_moves) with ordinality m(sku, on_hand, reserved, reason, reservation_id, reference, order_ref, happened_at, n)
      join position p on p.store_id = p_store and p.sku = m.sku;
    perform write_stock(p_store, v_moves, v_stated, '{}', p_actor, p_reality);
    return null;
end $$;

-- Record what happened on the premises, as a source tells it; the source names each move by a reference, once per sku.
-- What it told before is not told twice: `repeated`, or `differs` where the content is another. Units that were sold for
-- an order that we handed over left the premises then, and move by 0; so does what happened before the last count.
create function record_movements(p_store text, p_moves stock_move[], p_actor text)
returns setof recorded_move language plpgsql as $$
declare
    v_judged recorded_move[];
    v_moves  stock_move[];
    v_stated integer[];
begin
    perform lock_positions(p_store, array(select m.sku from unnest(p_moves) m), true);

    with told as (
        select m.*, p as place, k.id is null as is_new, coalesce(k.stated_change, k.on_hand_change) as known_change,
               k.on_hand_change as known_on_hand,
               coalesce(k.stated_change, k.on_hand_change) = m.on_hand and k.reason = m.reason
               and k.order_ref is not distinct from m.order_ref and k.happened_at = coalesce(m.happened_at, k.happened_at) as is_same,
               k.id is null and m.order_ref is not null and m.on_hand < 0 as names_order
          from unnest(p_moves) with ordinality m(sku, on_hand, reserved, reason, reservation_id, reference, order_ref, happened_at, n)
          join position p on p.store_id = p_store and p.sku = m.sku
          left join movement k on k.store_id = p_store and k.reference = m.reference and k.sku = m.sku
    ), left_us as ( -- units of an order that were handed over, less those that a source has told of
        select o.order_ref, o.sku,
               coalesce((select sum(l.collected) from reservation r
                           join reservation_line l on l.store_id = r.store_id and l.reservation_id = r.id and l.sku = o.sku
                          where r.store_id = p_store and r.order_ref = o.order_ref and r.state in ('collected', 'returned')), 0)
             - coalesce((select sum(k.on_hand_change - k.stated_change) from movement k
                          where k.store_id = p_store and k.order_ref = o.order_ref and k.sku = o.sku and k.stated_change < 0), 0) as units
          from (select distinct t.order_ref, t.sku from told t where t.names_order) o
    ), weighed as (
        select t.*, coalesce(t.happened_at, now()) as at,
               case when is_counted(t.place, coalesce(t.happened_at, now())) then 0
                    when t.names_order then t.on_hand + least(-t.on_hand, greatest(0, coalesce(l.units, 0) - coalesce(
                         sum(-t.on_hand) filter (where t.names_order)
                             over (partition by t.sku, t.order_ref order by t.n rows between unbounded preceding and 1 preceding), 0)))
                    else t.on_hand end::integer as change
          from told t
          left join left_us l on t.names_order and l.order_ref = t.order_ref and l.sku = t.sku
    )
    select array_agg((n, case when is_new then 'recorded' when is_same then 'repeated' else 'differs' end,
                      case when is_new then change else known_on_hand end)::recorded_move order by n),
           coalesce(array_agg((sku, change, 0, reason, null, reference, order_ref, at)::stock_move order by n) filter (where is_new), '{}'),
           coalesce(array_agg(on_hand order by n) filter (where is_new), '{}')
      into v_judged, v_moves, v_stated
      from weighed;
    perform write_stock(p_store, v_moves, v_stated, '{}', p_actor, true);
    return query select * from unnest(v_judged);
end $$;

-- Set what was counted at a moment: on_hand becomes the count plus what the ledger says happened since. Each sku once.
-- A count older than the position's last one is passed over. Answers the skus whose counts were taken.
create function count_stock(p_store text, p_counts stock_count[], p_actor text)
returns text[] language plpgsql as $$
declare
    v_counts stock_count[];
    v_moves  stock_move[];
    v_stated integer[];
begin
    perform lock_positions(p_store, array(select c.sku from unnest(p_counts) c), true);

    with fresh as (
        select c, moment.at, p.on_hand as was,
               c.on_hand + coalesce((select sum(m.on_hand_change) from movement m
                                      where m.store_id = p_store and m.sku = c.sku and m.on_hand_change <> 0
                                        and m.happened_at > moment.at and m.recorded_at > moment.at), 0)::integer as is_now
          from unnest(p_counts) c
          join position p on p.store_id = p_store and p.sku = c.sku,
               lateral (select least(c.as_of, case when c.as_of = p.as_of then p.counted_at else now() end) as at) moment
         where p.as_of is null or p.as_of <= c.as_of
    )
    select array_agg(f.c order by (f.c).sku),
           array_agg(((f.c).sku, f.is_now - f.was, 0, 'count', null, null, null, f.at)::stock_move order by (f.c).sku)
               filter (where f.is_now <> f.was)
      into v_counts, v_moves
      from fresh f;
    if v_counts is null then
        return '{}';
    end if;
    v_moves := coalesce(v_moves, '{}');
    v_stated := array(select m.on_hand from unnest(v_moves) m);
    perform write_stock(p_store, v_moves, v_stated, v_counts, p_actor, true);
    return array(select c.sku from unnest(v_counts) c);
end $$;

-- migrate:down
drop function count_stock;
drop function record_movements;
drop function move_stock;
drop function write_stock;
drop function is_counted;
drop function lock_positions;
drop type recorded_move;
drop type stock_count;
drop type stock_move;
drop function new_id;
