-- name: ended
-- What left a store's hands within 30 days, the newest first, before a moment already read.
select reservation_json(r, :links::text, false, null)::text as body, r.ended_at
  from reservation r
 where r.store_id = :store and r.ended_at > now() - interval '30 days' and r.ended_at < :before
   and r.confirmed_at is not null
 order by r.ended_at desc, r.id
 limit :limit;

-- name: to_put_back
-- What lies on the pickup shelf for nobody any more, the longest first.
select reservation_json(r, :links::text, false, null)::text as body
  from reservation r
 where r.store_id = :store and r.state in ('uncollected', 'cancelled') and r.ready_at is not null and r.put_back_at is null
   and r.ended_at > now() - interval '30 days'
 order by r.ended_at, r.id
 limit :limit;

-- name: exists
-- Whether a store has this reservation.
select exists (select from reservation r where r.store_id = :store and r.id = :id);

-- name: earlier
-- The other orders of a reservation's customer in these stores (null: all), the newest first: who gave the same customer
-- number or the same phone.
with mine as (
    select m.id, m.customer_ref, m.phone from reservation m where m.store_id = :store and m.id = :id
), shop as (
    select s.id, s.name from store s where :stores::text[] is null or s.id = any (:stores::text[])
), found as (
    select r.store_id, r.id from mine m, shop s, reservation r
     where r.customer_ref = m.customer_ref and r.store_id = s.id
    union
    select r.store_id, r.id from mine m, shop s, reservation r
     where r.phone = m.phone and r.store_id = s.id
)
select r.id, r.store_id as store, s.name as store_name, r.order_ref, r.channel, r.state, r.created_at, r.ended_at,
       (select coalesce(sum(l.quantity), 0) from reservation_line l where l.store_id = r.store_id and l.reservation_id = r.id)::integer as units
  from found f
  join reservation r on r.store_id = f.store_id and r.id = f.id
  join shop s on s.id = r.store_id
 where r.id <> :id
 order by r.created_at desc, r.id
 limit :limit;
