-- name: count
-- Set what was counted; answers the skus whose counts were not passed over.
select count_stock(:store, :counts::stock_count[], :actor);

-- name: record
-- Record movements that happened; answers for each whether it was recorded, repeated or differs from what was.
select n, outcome, on_hand_change from record_movements(:store, :moves::stock_move[], :actor) order by n;

-- name: faults
-- Which lines (from 1) name a store or a sku that is not there, or a moment more than a minute ahead.
select line.n::integer as n,
       case when s.id is null then 'unknown_store' when i.sku is null then 'unknown_sku' else 'as_of_in_the_future' end as code
  from unnest(:skus::text[], :moments::timestamptz[]) with ordinality line(sku, moment, n)
  left join store s on s.id = :store
  left join item i on i.sku = line.sku
 where s.id is null or i.sku is null or line.moment > now() + interval '1 minute'
 order by line.n;

-- name: store_exists
-- Whether there is such a store, open to orders or not.
select exists (select from store where id = :store);

-- name: lock
-- Take a position in hand; answers its version, null where there is none.
select version from position where store_id = :store and sku = :sku for no key update;

-- name: positions
-- Positions of a store in the order of their sku; what holds claim whose time is up is available.
with due as (
    select line.sku, sum(line.quantity - line.short - line.collected - line.refused)::integer as units
      from reservation r
      join reservation_line line on line.store_id = r.store_id and line.reservation_id = r.id
     where r.store_id = :store and r.state = 'held' and r.due_at <= now()
     group by line.sku
)
select p.store_id as store, p.sku, p.on_hand, p.reserved, p.safety_stock, free.units as available, p.shortfall, p.as_of, p.version
  from position p
  left join due on due.sku = p.sku,
       lateral (select greatest(0, p.on_hand - p.reserved + coalesce(due.units, 0) - p.safety_stock) as units) free
 where p.store_id = :store and p.sku > :after
   and (:skus::text[] is null or p.sku = any (:skus))
   and (:below::integer is null or free.units < :below)
 order by p.sku
 limit :limit;

-- name: due_holds
-- Units of a sku that holds claim whose time is up.
select coalesce(sum(line.quantity - line.short - line.collected - line.refused), 0)::integer
  from reservation r
  join reservation_line line on line.store_id = r.store_id and line.reservation_id = r.id
 where r.store_id = :store and r.state = 'held' and r.due_at <= now() and line.sku = :sku;

-- name: endangered
-- The reservations that claim the units a position misses, the newest first.
with claim as (
    select r.id, r.order_ref, r.state, r.created_at, held.units,
           coalesce(sum(held.units) over (order by r.created_at desc, r.id desc rows between unbounded preceding and 1 preceding), 0) as newer
      from reservation r
      join reservation_line line on line.store_id = r.store_id and line.reservation_id = r.id,
           lateral (select line.quantity - line.short - line.collected - line.refused as units) held
     where r.store_id = :store and claims_stock(r.state) and line.sku = :sku and held.units > 0
)
select c.id, c.order_ref, c.state, least(c.units, p.shortfall - c.newer)::integer as units
  from claim c
  join position p on p.store_id = :store and p.sku = :sku
 where c.newer < p.shortfall
 order by c.created_at desc, c.id desc;

-- name: reasons
-- What each reason did to a position; together they are the position.
select reason, count(*) as movements, sum(on_hand_change) as on_hand, sum(reserved_change) as reserved
  from movement
 where store_id = :store and sku = :sku
 group by reason
 order by reason;

-- name: ledger
-- The movements of a position, the newest first.
select id, on_hand_change, reserved_change, stated_change, reason, reservation_id as reservation, reference, order_ref,
       actor, happened_at, recorded_at
  from movement
 where store_id = :store and sku = :sku and id < :before
 order by id desc
 limit :limit;
