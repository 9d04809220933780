-- migrate:up

-- A basket's positions are locked, and read, in one order whatever the database's own collation: by that of the column. And a
-- slot that due holds fill is free for who waits for it, as their stock is.
create or replace function hold(p_requests hold_request[], p_lines hold_line[], p_stores text[], p_skus text[],
                     p_slot_stores text[], p_slots timestamptz[], p_links text)
returns setof hold_outcome language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    n           constant integer := cardinality(p_requests);
    positions   constant integer := cardinality(p_skus);
    v_ids       uuid[];
    v_open      boolean[];    -- per request: not answered yet
    v_outcome   text[];       -- per request: what was found out first
    v_active    boolean[];    -- per request: its store takes orders; null: there is none
    v_partial   boolean[];
    v_final     boolean[];
    v_slot      integer[];    -- per request: its slot among the resources, which are the positions, then the slots
    v_position  boolean[];    -- per position: there is one
    v_available integer[];    -- per resource
    v_due       boolean[] := array_fill(null::boolean, array[cardinality(p_skus)]); -- per position: due holds have some of it
    v_short     boolean;
    v_some      boolean;
    v_wait      boolean;
    v_line      integer := 1;
    v_resource  integer;
    l_request   integer[];
    l_resource  integer[];
    l_quantity  integer[];
    l_take      integer[];
    v_units     integer[];    -- per position: what is taken
    v_locked    text[];
    v_made      uuid[];
    known       record;
begin
    select array_agg(r.id), array_agg(coalesce(r.allow_partial, false)), array_agg(coalesce(r.final, false)),
           array_agg(case when r.slot > 0 then positions + r.slot else 0 end), array_agg(s.active)
      into v_ids, v_partial, v_final, v_slot, v_active
      from unnest(p_requests) r
      left join lateral (select s.active from store s where s.id = r.store offset 0) s on true;
    select array_agg(l.request), array_agg(l.resource), array_agg(l.quantity)
      into l_request, l_resource, l_quantity
      from unnest(p_lines) l;

    -- One request per key at a time, here and in every other transaction; never waiting for it.
    select array_agg(case when k.key is null then null when k.nth > 1 then 'again' when not k.locked then 'in_flight' end order by k.ordinality)
      into v_outcome
      from (select r.ordinality, r.key, row_number() over (partition by r.store, r.credential, r.operation, r.key order by r.ordinality) as nth,
                   r.key is null or pg_try_advisory_xact_lock(hashtextextended(concat_ws(E'\x1f', r.store, r.credential, r.operation, r.key), 0)) as locked
              from unnest(p_requests) with ordinality r) k;

    for known in
        select r.ordinality::integer as request, i.same, i.status, i.body
          from unnest(p_requests) with ordinality r,
               lateral (select i.fingerprint = r.fingerprint as same, i.status, i.body from idempotency i
                         where i.store_id = r.store and i.credential = r.credential and i.operation = r.operation and i.key = r.key
                        offset 0) i
    loop
        if v_outcome[known.request] is null then
            v_outcome[known.request] := 'answered';
            return next (v_ids[known.request], case when known.same then 'replayed' else 'key_reused' end,
                         known.status, case when known.same then known.body end, null)::hold_outcome;
        end if;
    end loop;

    -- One order, one reservation: the one that stands is the answer, where the lines are the same.
    for known in
        select r.ordinality::integer as request, s.standing, r.store, r.key, r.credential, r.operation, r.fingerprint
          from unnest(p_requests) with ordinality r,
               lateral (select s as standing from reservation s
                         where s.store_id = r.store and s.order_ref = r.order_ref
                           and s.state not in ('cancelled', 'expired', 'uncollected')
                        offset 0) s
    loop
        continue when v_outcome[known.request] is not null;
        v_outcome[known.request] := 'answered';
        if (select array_agg(row(l.sku, l.asked)::text order by l.sku) from reservation_line l
             where l.store_id = known.store and l.reservation_id = (known.standing).id)
         = (select array_agg(row(l.sku, l.quantity)::text order by l.sku) from unnest(p_lines) l where l.request = known.request)
        then
            if known.key is not null then
                insert into idempotency (store_id, credential, operation, key, fingerprint, status, body)
                values (known.store, known.credential, known.operation, known.key, known.fingerprint, 200,
                        reservation_json(known.standing, p_links, false, 'hold'));
            end if;
            return next (v_ids[known.request], 'stands', 200, reservation_json(known.standing, p_links, false, 'hold'), null)::hold_outcome;
        else
            return next (v_ids[known.request], 'order_differs', null, null, jsonb_build_object(
                'reservation', (known.standing).id, 'state', (known.standing).state))::hold_outcome;
        end if;
    end loop;

    -- What there is, as committed: a plain read.
    select array_agg(p.available is not null), array_agg(coalesce(p.available, 0))
      into v_position, v_available
      from unnest(p_stores, p_skus) asked(store, sku)
      left join lateral (select greatest(0, p.on_hand - p.reserved - p.safety_stock) as available from position p
                          where p.store_id = asked.store and p.sku = asked.sku offset 0) p on true;
    if cardinality(p_slots) > 0 then
        select v_available || array_agg(greatest(0, coalesce((s.slots ->> 'capacity')::integer, 0) - coalesce(t.taken, 0))) into v_available
          from unnest(p_slot_stores, p_slots) asked(store, starts_at)
          left join lateral (select s.slots from store s where s.id = asked.store offset 0) s on true
          left join lateral (select t.taken from slot t where t.store_id = asked.store and t.starts_at = asked.starts_at offset 0) t on true;
    end if;

    -- Whoever could not be served alone is refused now, and true it is.
    for i in 1..n loop
        v_short := false;
        v_some := false;
        v_wait := false;
        while v_line <= cardinality(l_request) and l_request[v_line] = i loop
            v_resource := l_resource[v_line];
            v_some := v_some or v_available[v_resource] > 0;
            if v_available[v_resource] < l_quantity[v_line] and v_outcome[i] is null then
                v_short := true;
                if not v_position[v_resource] and not exists (select from item where sku = p_skus[v_resource]) then
                    v_outcome[i] := 'unknown_sku';
                elsif not v_final[i] then
                    if v_due[v_resource] is null then
                        v_due[v_resource] := exists (
                            select from reservation d
                              join reservation_line l on l.store_id = d.store_id and l.reservation_id = d.id and l.sku = p_skus[v_resource]
                             where d.store_id = p_stores[v_resource] and d.state = 'held' and d.due_at <= now());
                    end if;
                    v_wait := v_wait or v_due[v_resource];
                end if;
            end if;
            v_line := v_line + 1;
        end loop;
        continue when v_outcome[i] = 'answered';
        v_outcome[i] := case when v_active[i] is null then 'unknown_store' when not v_active[i] then 'store_closed' else v_outcome[i] end;
        if v_slot[i] > 0 and not v_final[i] then
            if v_available[v_slot[i]] = 0 then
                v_wait := v_wait or exists (
                    select from reservation d
                     where d.store_id = p_requests[i].store and d.state = 'held' and d.due_at <= now()
                       and d.slot_starts_at = p_slots[p_requests[i].slot]);
            end if;
        end if;
        v_outcome[i] := coalesce(v_outcome[i], case
            when v_wait then 'due'
            when v_slot[i] > 0 and v_available[v_slot[i]] = 0 then 'slot_full'
            when v_short and not (v_partial[i] and v_some) then 'out_of_stock' end);
        continue when v_outcome[i] is null;
        return next (v_ids[i], v_outcome[i], null, null, case v_outcome[i]
            when 'unknown_sku' then (
                select jsonb_build_object('skus', jsonb_agg(l.sku order by l.sku)) from unnest(p_lines) l
                 where l.request = i and not v_position[l.resource] and not exists (select from item i where i.sku = l.sku))
            when 'out_of_stock' then (
                select jsonb_build_object('lines', jsonb_agg(jsonb_build_object(
                           'sku', l.sku, 'asked', l.quantity, 'available', v_available[l.resource]) order by l.sku))
                  from unnest(p_lines) l where l.request = i and v_available[l.resource] < l.quantity)
            end)::hold_outcome;
    end loop;

    -- Among the others, who would get something if all that is there were shared out in order?
    select array_agg(o is null) into v_open from unnest(v_outcome) o;
    if not true = any (v_open) then
        return;
    end if;
    l_take := allot(l_request, l_resource, l_quantity, v_open, v_partial, v_slot, v_available);
    for k in 1..cardinality(l_request) loop
        if l_take[k] is null and v_open[l_request[k]] then
            v_open[l_request[k]] := false;
            return next (v_ids[l_request[k]], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;

    with made as (
        insert into reservation (store_id, id, version, state, order_ref, channel, replaces, customer_name, email, phone, locale,
                                 customer_ref, company, delegate_name, delegate_phone, note, currency, pay_in_store, if_short,
                                 pickup_code, token, slot_starts_at, hold_expires_at, ready_by, confirmed_at)
        select r.store, r.id, case when r.pay_in_store then 2 else 1 end, case when r.pay_in_store then 'confirmed' else 'held' end,
               r.order_ref, r.channel, r.replaces, r.customer_name, r.email, r.phone, r.locale, r.customer_ref, r.company,
               r.delegate_name, r.delegate_phone, r.note, r.currency, r.pay_in_store, r.if_short, r.pickup_code, r.token,
               p_slots[nullif(r.slot, 0)],
               case when not r.pay_in_store then now() + make_interval(secs => r.hold_seconds) end, r.ready_by,
               case when r.pay_in_store then now() end
          from unnest(p_requests) with ordinality r
         where v_open[r.ordinality]
         order by r.store, r.order_ref
        on conflict do nothing -- its order or its code was taken at this moment
        returning id)
    select coalesce(array_agg(id), '{}') into v_made from made;
    for i in 1..n loop
        if v_open[i] and not v_ids[i] = any (v_made) then
            v_open[i] := false;
            return next (v_ids[i], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;

    -- The same once more, now that nobody else can move: who is left out here has taken nothing.
    if cardinality(p_slots) > 0 then
        insert into slot (store_id, starts_at, capacity)
        select asked.store, asked.starts_at, (s.slots ->> 'capacity')::integer
          from (select distinct r.store, p_slots[r.slot] as starts_at from unnest(p_requests) with ordinality r
                 where r.slot > 0 and v_open[r.ordinality]) asked,
               lateral (select s.slots from store s where s.id = asked.store offset 0) s
         order by asked.store, asked.starts_at
        on conflict (store_id, starts_at) do update set capacity = greatest(excluded.capacity, slot.taken);
    end if;
    v_available := array_fill(0, array[positions]);
    for known in
        select l.store, array_agg(l.resource order by l.sku) as resources, array_agg(l.sku order by l.sku) as skus
          from (select distinct l.resource, p_stores[l.resource] collate "C" as store, p_skus[l.resource] collate "C" as sku
                  from unnest(l_request, l_resource) l(request, resource)
                 where v_open[l.request] and v_position[l.resource]) l
         group by l.store order by l.store
    loop
        select array_agg(locked.sku), array_agg(locked.available) into v_locked, v_units
          from (select p.sku, greatest(0, p.on_hand - p.reserved - p.safety_stock) as available from position p
                 where p.store_id = known.store and p.sku = any (known.skus)
                 order by p.sku for no key update) locked;
        if v_locked is distinct from known.skus then
            raise 'Positions of % were locked in another order than asked for.', known.store;
        end if;
        for k in 1..cardinality(known.resources) loop
            v_available[known.resources[k]] := v_units[k];
        end loop;
    end loop;
    if cardinality(p_slots) > 0 then
        select v_available || array_agg(coalesce(s.capacity - s.taken, 0)) into v_available
          from unnest(p_slot_stores, p_slots) asked(store, starts_at)
          left join lateral (select * from slot s where s.store_id = asked.store and s.starts_at = asked.starts_at offset 0) s on true;
    end if;
    l_take := allot(l_request, l_resource, l_quantity, v_open, v_partial, v_slot, v_available);
    v_units := array_fill(0, array[positions]);
    for k in 1..cardinality(l_request) loop
        if l_take[k] is not null then
            v_units[l_resource[k]] := v_units[l_resource[k]] + l_take[k];
        elsif v_open[l_request[k]] then
            v_open[l_request[k]] := false;
            delete from reservation where store_id = p_stores[l_resource[k]] and id = v_ids[l_request[k]];
            return next (v_ids[l_request[k]], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;
    if not true = any (v_open) then
        return;
    end if;

    if cardinality(p_slots) > 0 then
        update slot s set taken = s.taken + t.orders
          from (select r.store, p_slots[r.slot] as starts_at, count(*)::integer as orders from unnest(p_requests) with ordinality r
                 where r.slot > 0 and v_open[r.ordinality] group by 1, 2) t
         where s.store_id = t.store and s.starts_at = t.starts_at;
    end if;

    insert into reservation_line (store_id, reservation_id, sku, name, asked, quantity, unit_price, total)
    select p_stores[l.resource], v_ids[l.request], l.sku, coalesce(l.name, i.names ->> left(p_requests[l.request].locale, 2), i.name),
           l.quantity, l_take[l.ordinality], l.unit_price, l.total
      from unnest(p_lines) with ordinality l,
           lateral (select i.name, i.names from item i where i.sku = l.sku offset 0) i
     where l_take[l.ordinality] is not null;

    update position p set reserved = p.reserved + t.units, version = p.version + 1
      from unnest(p_stores, p_skus, v_units) t(store, sku, units)
     where p.store_id = t.store and p.sku = t.sku and t.units > 0;

    insert into movement (store_id, sku, on_hand_change, reserved_change, reason, reservation_id, actor, happened_at)
    select p_stores[l.resource], l.sku, 0, l_take[l.ordinality], 'hold', v_ids[l.request], p_requests[l.request].actor, now()
      from unnest(p_lines) with ordinality l
     where l_take[l.ordinality] > 0;

    insert into event (store_id, id, type, reservation_id, version, action, source, target, sku, actor)
    select r.store, new_id(), 'reservation.' || step.target, r.id, step.version, step.action, step.source, step.target, null, r.actor
      from unnest(p_requests) with ordinality r,
           lateral (values (1, 'hold', null, 'held'), (2, 'confirm', 'held', 'confirmed')) step(version, action, source, target)
     where v_open[r.ordinality] and (step.version = 1 or r.pay_in_store)
    union all
    select t.store, new_id(), 'stock.out', null, null, null, null, null, t.sku, 'stock'
      from unnest(p_stores, p_skus, v_units, v_available) t(store, sku, units, available)
     where t.units > 0 and t.units = t.available;

    return query
        with answered as materialized (
            select r.store, r.id, r.key, r.credential, r.operation, r.fingerprint, reservation_json(s.made, p_links, true, null)::text as body
              from unnest(p_requests) with ordinality r,
                   lateral (select s as made from reservation s where s.store_id = r.store and s.id = r.id offset 0) s
             where v_open[r.ordinality]
        ), kept as (
            insert into idempotency (store_id, credential, operation, key, fingerprint, status, body)
            select a.store, a.credential, a.operation, a.key, a.fingerprint, 201, a.body from answered a where a.key is not null
        )
        select a.id, 'held', 201::smallint, a.body, null::jsonb from answered a;
end $$;

-- migrate:down
create or replace function hold(p_requests hold_request[], p_lines hold_line[], p_stores text[], p_skus text[],
                     p_slot_stores text[], p_slots timestamptz[], p_links text)
returns setof hold_outcome language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    n           constant integer := cardinality(p_requests);
    positions   constant integer := cardinality(p_skus);
    v_ids       uuid[];
    v_open      boolean[];    -- per request: not answered yet
    v_outcome   text[];       -- per request: what was found out first
    v_active    boolean[];    -- per request: its store takes orders; null: there is none
    v_partial   boolean[];
    v_final     boolean[];
    v_slot      integer[];    -- per request: its slot among the resources, which are the positions, then the slots
    v_position  boolean[];    -- per position: there is one
    v_available integer[];    -- per resource
    v_due       boolean[] := array_fill(null::boolean, array[cardinality(p_skus)]); -- per position: due holds have some of it
    v_short     boolean;
    v_some      boolean;
    v_wait      boolean;
    v_line      integer := 1;
    v_resource  integer;
    l_request   integer[];
    l_resource  integer[];
    l_quantity  integer[];
    l_take      integer[];
    v_units     integer[];    -- per position: what is taken
    v_made      uuid[];
    known       record;
begin
    select array_agg(r.id), array_agg(coalesce(r.allow_partial, false)), array_agg(coalesce(r.final, false)),
           array_agg(case when r.slot > 0 then positions + r.slot else 0 end), array_agg(s.active)
      into v_ids, v_partial, v_final, v_slot, v_active
      from unnest(p_requests) r
      left join lateral (select s.active from store s where s.id = r.store offset 0) s on true;
    select array_agg(l.request), array_agg(l.resource), array_agg(l.quantity)
      into l_request, l_resource, l_quantity
      from unnest(p_lines) l;

    -- One request per key at a time, here and in every other transaction; never waiting for it.
    select array_agg(case when k.key is null then null when k.nth > 1 then 'again' when not k.locked then 'in_flight' end order by k.ordinality)
      into v_outcome
      from (select r.ordinality, r.key, row_number() over (partition by r.store, r.credential, r.operation, r.key order by r.ordinality) as nth,
                   r.key is null or pg_try_advisory_xact_lock(hashtextextended(concat_ws(E'\x1f', r.store, r.credential, r.operation, r.key), 0)) as locked
              from unnest(p_requests) with ordinality r) k;

    for known in
        select r.ordinality::integer as request, i.same, i.status, i.body
          from unnest(p_requests) with ordinality r,
               lateral (select i.fingerprint = r.fingerprint as same, i.status, i.body from idempotency i
                         where i.store_id = r.store and i.credential = r.credential and i.operation = r.operation and i.key = r.key
                        offset 0) i
    loop
        if v_outcome[known.request] is null then
            v_outcome[known.request] := 'answered';
            return next (v_ids[known.request], case when known.same then 'replayed' else 'key_reused' end,
                         known.status, case when known.same then known.body end, null)::hold_outcome;
        end if;
    end loop;

    -- One order, one reservation: the one that stands is the answer, where the lines are the same.
    for known in
        select r.ordinality::integer as request, s.standing, r.store, r.key, r.credential, r.operation, r.fingerprint
          from unnest(p_requests) with ordinality r,
               lateral (select s as standing from reservation s
                         where s.store_id = r.store and s.order_ref = r.order_ref
                           and s.state not in ('cancelled', 'expired', 'uncollected')
                        offset 0) s
    loop
        continue when v_outcome[known.request] is not null;
        v_outcome[known.request] := 'answered';
        if (select array_agg(row(l.sku, l.asked)::text order by l.sku) from reservation_line l
             where l.store_id = known.store and l.reservation_id = (known.standing).id)
         = (select array_agg(row(l.sku, l.quantity)::text order by l.sku) from unnest(p_lines) l where l.request = known.request)
        then
            if known.key is not null then
                insert into idempotency (store_id, credential, operation, key, fingerprint, status, body)
                values (known.store, known.credential, known.operation, known.key, known.fingerprint, 200,
                        reservation_json(known.standing, p_links, false, 'hold'));
            end if;
            return next (v_ids[known.request], 'stands', 200, reservation_json(known.standing, p_links, false, 'hold'), null)::hold_outcome;
        else
            return next (v_ids[known.request], 'order_differs', null, null, jsonb_build_object(
                'reservation', (known.standing).id, 'state', (known.standing).state))::hold_outcome;
        end if;
    end loop;

    -- What there is, as committed: a plain read.
    select array_agg(p.available is not null), array_agg(coalesce(p.available, 0))
      into v_position, v_available
      from unnest(p_stores, p_skus) asked(store, sku)
      left join lateral (select greatest(0, p.on_hand - p.reserved - p.safety_stock) as available from position p
                          where p.store_id = asked.store and p.sku = asked.sku offset 0) p on true;
    if cardinality(p_slots) > 0 then
        select v_available || array_agg(greatest(0, coalesce((s.slots ->> 'capacity')::integer, 0) - coalesce(t.taken, 0))) into v_available
          from unnest(p_slot_stores, p_slots) asked(store, starts_at)
          left join lateral (select s.slots from store s where s.id = asked.store offset 0) s on true
          left join lateral (select t.taken from slot t where t.store_id = asked.store and t.starts_at = asked.starts_at offset 0) t on true;
    end if;

    -- Whoever could not be served alone is refused now, and true it is.
    for i in 1..n loop
        v_short := false;
        v_some := false;
        v_wait := false;
        while v_line <= cardinality(l_request) and l_request[v_line] = i loop
            v_resource := l_resource[v_line];
            v_some := v_some or v_available[v_resource] > 0;
            if v_available[v_resource] < l_quantity[v_line] and v_outcome[i] is null then
                v_short := true;
                if not v_position[v_resource] and not exists (select from item where sku = p_skus[v_resource]) then
                    v_outcome[i] := 'unknown_sku';
                elsif not v_final[i] then
                    if v_due[v_resource] is null then
                        v_due[v_resource] := exists (
                            select from reservation d
                              join reservation_line l on l.store_id = d.store_id and l.reservation_id = d.id and l.sku = p_skus[v_resource]
                             where d.store_id = p_stores[v_resource] and d.state = 'held' and d.due_at <= now());
                    end if;
                    v_wait := v_wait or v_due[v_resource];
                end if;
            end if;
            v_line := v_line + 1;
        end loop;
        continue when v_outcome[i] = 'answered';
        v_outcome[i] := case when v_active[i] is null then 'unknown_store' when not v_active[i] then 'store_closed' else v_outcome[i] end;
        v_outcome[i] := coalesce(v_outcome[i], case
            when v_slot[i] > 0 and v_available[v_slot[i]] = 0 then 'slot_full'
            when v_wait then 'due'
            when v_short and not (v_partial[i] and v_some) then 'out_of_stock' end);
        continue when v_outcome[i] is null;
        return next (v_ids[i], v_outcome[i], null, null, case v_outcome[i]
            when 'unknown_sku' then (
                select jsonb_build_object('skus', jsonb_agg(l.sku order by l.sku)) from unnest(p_lines) l
                 where l.request = i and not v_position[l.resource] and not exists (select from item i where i.sku = l.sku))
            when 'out_of_stock' then (
                select jsonb_build_object('lines', jsonb_agg(jsonb_build_object(
                           'sku', l.sku, 'asked', l.quantity, 'available', v_available[l.resource]) order by l.sku))
                  from unnest(p_lines) l where l.request = i and v_available[l.resource] < l.quantity)
            end)::hold_outcome;
    end loop;

    -- Among the others, who would get something if all that is there were shared out in order?
    select array_agg(o is null) into v_open from unnest(v_outcome) o;
    if not true = any (v_open) then
        return;
    end if;
    l_take := allot(l_request, l_resource, l_quantity, v_open, v_partial, v_slot, v_available);
    for k in 1..cardinality(l_request) loop
        if l_take[k] is null and v_open[l_request[k]] then
            v_open[l_request[k]] := false;
            return next (v_ids[l_request[k]], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;

    with made as (
        insert into reservation (store_id, id, version, state, order_ref, channel, replaces, customer_name, email, phone, locale,
                                 customer_ref, company, delegate_name, delegate_phone, note, currency, pay_in_store, if_short,
                                 pickup_code, token, slot_starts_at, hold_expires_at, ready_by, confirmed_at)
        select r.store, r.id, case when r.pay_in_store then 2 else 1 end, case when r.pay_in_store then 'confirmed' else 'held' end,
               r.order_ref, r.channel, r.replaces, r.customer_name, r.email, r.phone, r.locale, r.customer_ref, r.company,
               r.delegate_name, r.delegate_phone, r.note, r.currency, r.pay_in_store, r.if_short, r.pickup_code, r.token,
               p_slots[nullif(r.slot, 0)],
               case when not r.pay_in_store then now() + make_interval(secs => r.hold_seconds) end, r.ready_by,
               case when r.pay_in_store then now() end
          from unnest(p_requests) with ordinality r
         where v_open[r.ordinality]
         order by r.store, r.order_ref
        on conflict do nothing -- its order or its code was taken at this moment
        returning id)
    select coalesce(array_agg(id), '{}') into v_made from made;
    for i in 1..n loop
        if v_open[i] and not v_ids[i] = any (v_made) then
            v_open[i] := false;
            return next (v_ids[i], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;

    -- The same once more, now that nobody else can move: who is left out here has taken nothing.
    if cardinality(p_slots) > 0 then
        insert into slot (store_id, starts_at, capacity)
        select asked.store, asked.starts_at, (s.slots ->> 'capacity')::integer
          from (select distinct r.store, p_slots[r.slot] as starts_at from unnest(p_requests) with ordinality r
                 where r.slot > 0 and v_open[r.ordinality]) asked,
               lateral (select s.slots from store s where s.id = asked.store offset 0) s
         order by asked.store, asked.starts_at
        on conflict (store_id, starts_at) do update set capacity = greatest(excluded.capacity, slot.taken);
    end if;
    v_available := array_fill(0, array[positions]);
    for known in
        select p_stores[l.resource] as store, array_agg(l.resource order by p_skus[l.resource]) as resources,
               array_agg(p_skus[l.resource] order by p_skus[l.resource]) as skus
          from (select distinct l.resource from unnest(l_request, l_resource) l(request, resource)
                 where v_open[l.request] and v_position[l.resource]) l
         group by 1 order by 1
    loop
        select array_agg(locked.available) into v_units
          from (select greatest(0, p.on_hand - p.reserved - p.safety_stock) as available from position p
                 where p.store_id = known.store and p.sku = any (known.skus)
                 order by p.sku for no key update) locked;
        for k in 1..cardinality(known.resources) loop
            v_available[known.resources[k]] := v_units[k];
        end loop;
    end loop;
    if cardinality(p_slots) > 0 then
        select v_available || array_agg(coalesce(s.capacity - s.taken, 0)) into v_available
          from unnest(p_slot_stores, p_slots) asked(store, starts_at)
          left join lateral (select * from slot s where s.store_id = asked.store and s.starts_at = asked.starts_at offset 0) s on true;
    end if;
    l_take := allot(l_request, l_resource, l_quantity, v_open, v_partial, v_slot, v_available);
    v_units := array_fill(0, array[positions]);
    for k in 1..cardinality(l_request) loop
        if l_take[k] is not null then
            v_units[l_resource[k]] := v_units[l_resource[k]] + l_take[k];
        elsif v_open[l_request[k]] then
            v_open[l_request[k]] := false;
            delete from reservation where store_id = p_stores[l_resource[k]] and id = v_ids[l_request[k]];
            return next (v_ids[l_request[k]], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;
    if not true = any (v_open) then
        return;
    end if;

    if cardinality(p_slots) > 0 then
        update slot s set taken = s.taken + t.orders
          from (select r.store, p_slots[r.slot] as starts_at, count(*)::integer as orders from unnest(p_requests) with ordinality r
                 where r.slot > 0 and v_open[r.ordinality] group by 1, 2) t
         where s.store_id = t.store and s.starts_at = t.starts_at;
    end if;

    insert into reservation_line (store_id, reservation_id, sku, name, asked, quantity, unit_price, total)
    select p_stores[l.resource], v_ids[l.request], l.sku, coalesce(l.name, i.names ->> left(p_requests[l.request].locale, 2), i.name),
           l.quantity, l_take[l.ordinality], l.unit_price, l.total
      from unnest(p_lines) with ordinality l,
           lateral (select i.name, i.names from item i where i.sku = l.sku offset 0) i
     where l_take[l.ordinality] is not null;

    update position p set reserved = p.reserved + t.units, version = p.version + 1
      from unnest(p_stores, p_skus, v_units) t(store, sku, units)
     where p.store_id = t.store and p.sku = t.sku and t.units > 0;

    insert into movement (store_id, sku, on_hand_change, reserved_change, reason, reservation_id, actor, happened_at)
    select p_stores[l.resource], l.sku, 0, l_take[l.ordinality], 'hold', v_ids[l.request], p_requests[l.request].actor, now()
      from unnest(p_lines) with ordinality l
     where l_take[l.ordinality] > 0;

    insert into event (store_id, id, type, reservation_id, version, action, source, target, sku, actor)
    select r.store, new_id(), 'reservation.' || step.target, r.id, step.version, step.action, step.source, step.target, null, r.actor
      from unnest(p_requests) with ordinality r,
           lateral (values (1, 'hold', null, 'held'), (2, 'confirm', 'held', 'confirmed')) step(version, action, source, target)
     where v_open[r.ordinality] and (step.version = 1 or r.pay_in_store)
    union all
    select t.store, new_id(), 'stock.out', null, null, null, null, null, t.sku, 'stock'
      from unnest(p_stores, p_skus, v_units, v_available) t(store, sku, units, available)
     where t.units > 0 and t.units = t.available;

    return query
        with answered as materialized (
            select r.store, r.id, r.key, r.credential, r.operation, r.fingerprint, reservation_json(s.made, p_links, true, null)::text as body
              from unnest(p_requests) with ordinality r,
                   lateral (select s as made from reservation s where s.store_id = r.store and s.id = r.id offset 0) s
             where v_open[r.ordinality]
        ), kept as (
            insert into idempotency (store_id, credential, operation, key, fingerprint, status, body)
            select a.store, a.credential, a.operation, a.key, a.fingerprint, 201, a.body from answered a where a.key is not null
        )
        select a.id, 'held', 201::smallint, a.body, null::jsonb from answered a;
end $$;
