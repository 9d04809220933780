-- name: shown
-- What a store's board shows: the orders being prepared, the next to be ready first, and those ready, the newest first.
(select 'preparing' as lane, r.order_ref, r.customer_name
   from reservation r
  where r.store_id = :store and r.state in ('confirmed', 'picking')
  order by r.due_at, r.id limit :limit)
union all
(select 'ready', r.order_ref, r.customer_name
   from reservation r
  where r.store_id = :store and r.state = 'ready'
  order by r.ready_at desc, r.id limit :limit);
