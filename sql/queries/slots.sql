-- name: now
-- The time.
select now();

-- name: taken
-- How many orders have each of the slots asked about, due holds left out; so are the slots that have begun.
select a.place, a.starts_at, coalesce(s.taken - due.orders, 0) as taken
  from unnest(:places::integer[], :stores::text[], :starts::timestamptz[]) a(place, store_id, starts_at)
  left join slot s on s.store_id = a.store_id and s.starts_at = a.starts_at
  left join lateral (select count(*)::integer as orders from reservation r
                      where s.taken > 0 and r.store_id = a.store_id and r.state = 'held' and r.due_at <= now()
                        and r.slot_starts_at = a.starts_at) due on true
 where a.starts_at > now()
 order by a.place, a.starts_at;

-- name: resize
-- Another capacity for the slots to come, but never less than what is taken; locked in the order that holds lock them.
with coming as materialized (
    select starts_at from slot
     where store_id = :store and starts_at > now() and capacity <> greatest(:capacity::integer, taken)
     order by starts_at
       for no key update
)
update slot s
   set capacity = greatest(:capacity, s.taken)
  from coming c
 where s.store_id = :store and s.starts_at = c.starts_at;
