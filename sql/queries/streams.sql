-- name: position
-- The end of a store's stream; nothing where nothing has happened yet.
select position from stream where store_id = :store;

-- name: queue
-- The open orders of a store, the most urgent first, and the end of its stream: both as of one moment.
select coalesce((select s.position from stream s where s.store_id = :store), 0) as position,
       coalesce((select array_agg(reservation_json(r, :links::text, false, null)::text order by r.due_at, r.id)
                   from reservation r
                  where r.store_id = :store and r.state in ('confirmed', 'picking', 'ready')), '{}') as cards;

-- name: changed
-- The reservations that changed in these stores after the place already read in each, as they stand now, each at the place
-- of its last change; a reply is told by the reservation too, which is no newer for it. A row without a reservation says
-- only how far was read. At most `limit` events of each store.
with fresh as (
    select e.store_id, e.position,
           case when e.version is not null or e.type = 'reply.received' then e.reservation_id end as reservation_id
      from unnest(:stores::text[], :places::bigint[]) as asked (store_id, position)
      join stream s on s.store_id = asked.store_id and s.position > asked.position,
           lateral (select e.store_id, e.position, e.type, e.version, e.reservation_id
                      from event e
                     where e.store_id = s.store_id and e.position > asked.position
                     order by e.position limit :limit) e
), latest as (
    select f.store_id, f.reservation_id, max(f.position) as position from fresh f group by f.store_id, f.reservation_id
)
select l.store_id, l.position, reservation_json(r, :links::text, false, null)::text as card
  from latest l
  left join reservation r on r.store_id = l.store_id and r.id = l.reservation_id
 order by l.store_id, l.position;
