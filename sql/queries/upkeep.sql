-- name: stores
-- Every store; each is then tidied on its own.
select id from store order by id;

-- name: forget_codes
-- The pickup codes and tokens of a store's reservations that ended more than 30 days ago, some thousand at a time.
update reservation
   set pickup_code = null, token = null
 where store_id = :store
   and id = any (array(select r.id from reservation r
                        where r.store_id = :store and r.pickup_code is not null and r.ended_at < now() - interval '30 days'
                        limit 1000 for update skip locked));
