-- name: shown
-- What a store's board shows: the orders being prepared, the next to be ready first, and those ready, the newest first.
(select 'preparing' as lane, r.order_ref, r.customer_name, null::timestamptz as ready_at
   from reservation r
  where r.store_id = :store and r.state in ('confirmed', 'picking')
  order by r.due_at, r.id limit :limit)
union all
(select 'ready', r.order_ref, r.customer_name, r.ready_at
   from reservation r
  where r.store_id = :store and r.state = 'ready'
  order by r.ready_at desc, r.id limit :limit);

-- name: setting
-- How the board of a store is shown, and the edition of the link that opens it.
select coalesce(b.names, true) as names, coalesce(b.edition, 1) as edition
  from (values (:store)) as asked (store_id)
  left join board b on b.store_id = asked.store_id;

-- name: set
-- Change how it is shown, and close the links there are where that is asked for.
insert into board as b (store_id, names, edition)
values (:store, :names, case when :renew then 2 else 1 end)
    on conflict (store_id) do update
   set names = excluded.names, edition = b.edition + case when :renew then 1 else 0 end
returning names, edition;
