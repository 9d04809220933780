-- migrate:up

-- Positions are met through their key, line by line (lateral, offset 0, no scans), so that a plan made while a store was empty stays
-- right: by the plans of a first day, each part of a file of stock walked through all that the parts before it had brought.
create or replace function write_stock(p_store text, p_moves stock_move[], p_stated integer[], p_counts stock_count[], p_actor text, p_reality boolean)
returns void language plpgsql
set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
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
        select p.place, p.old, s.sku, p.on_hand + s.on_hand as on_hand, p.reserved + s.reserved as reserved,
               coalesce(c.safety_stock, p.safety_stock) as safety_stock, coalesce(c.as_of, p.as_of) as as_of,
               case when c.as_of is distinct from p.as_of and c.as_of is not null then now() else p.counted_at end as counted_at,
               case when p_reality then missing.units else least(p.shortfall, missing.units) end as shortfall
          from summed s
         cross join lateral (select p.ctid as place, p as old, p.* from position p where p.store_id = p_store and p.sku = s.sku offset 0) p
          left join unnest(p_counts) c on c.sku = s.sku,
               lateral (select greatest(0, p.reserved + s.reserved - greatest(p.on_hand + s.on_hand, 0)) as units) missing
    ), moved as (
        update position p
           set on_hand = s.on_hand, reserved = s.reserved, safety_stock = s.safety_stock, shortfall = s.shortfall,
               as_of = s.as_of, counted_at = s.counted_at, version = p.version + 1
          from settled s
         where p.ctid = s.place -- the caller has it locked, so that it stays where it is
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

create or replace function move_stock(p_store text, p_moves stock_move[], p_actor text, p_reality boolean)
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
                  left join lateral (select * from position p where p.store_id = p_store and p.sku = m.sku offset 0) p on true
                 group by m.sku having sum(m.reserved) > 0) wanted
         where asked > coalesce(available, 0);
        if v_short is not null then
            return v_short;
        end if;
    end if;

    select array_agg((m.sku, case when is_counted(p.whole, m.happened_at) then 0 else m.on_hand end, m.reserved, m.reason, m.reservation_id,
                      m.reference, m.order_ref, m.happened_at)::stock_move order by m.n),
           array_agg(m.on_hand order by m.n)
      into v_moves, v_stated
      from unnest(p_moves) with ordinality m(sku, on_hand, reserved, reason, reservation_id, reference, order_ref, happened_at, n)
     cross join lateral (select p as whole from position p where p.store_id = p_store and p.sku = m.sku offset 0) p;
    perform write_stock(p_store, v_moves, v_stated, '{}', p_actor, p_reality);
    return null;
end $$;

create or replace function record_movements(p_store text, p_moves stock_move[], p_actor text)
returns setof recorded_move language plpgsql as $$
declare
    v_judged recorded_move[];
    v_moves  stock_move[];
    v_stated integer[];
begin
    perform lock_positions(p_store, array(select m.sku from unnest(p_moves) m), true);

    with told as (
        select m.*, p.place, k.id is null as is_new, coalesce(k.stated_change, k.on_hand_change) as known_change,
               k.on_hand_change as known_on_hand,
               coalesce(k.stated_change, k.on_hand_change) = m.on_hand and k.reason = m.reason
               and k.order_ref is not distinct from m.order_ref and k.happened_at = coalesce(m.happened_at, k.happened_at) as is_same,
               k.id is null and m.order_ref is not null and m.on_hand < 0 as names_order
          from unnest(p_moves) with ordinality m(sku, on_hand, reserved, reason, reservation_id, reference, order_ref, happened_at, n)
         cross join lateral (select p as place from position p where p.store_id = p_store and p.sku = m.sku offset 0) p
          left join lateral (select * from movement k
                              where k.store_id = p_store and k.reference = m.reference and k.sku = m.sku offset 0) k on true
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

create or replace function count_stock(p_store text, p_counts stock_count[], p_actor text)
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
         cross join lateral (select * from position p where p.store_id = p_store and p.sku = c.sku offset 0) p,
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
create or replace function write_stock(p_store text, p_moves stock_move[], p_stated integer[], p_counts stock_count[], p_actor text, p_reality boolean)
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

create or replace function move_stock(p_store text, p_moves stock_move[], p_actor text, p_reality boolean)
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

create or replace function record_movements(p_store text, p_moves stock_move[], p_actor text)
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

create or replace function count_stock(p_store text, p_counts stock_count[], p_actor text)
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
