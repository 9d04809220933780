-- name: unrelayed
-- The stores with events that have no place in their stream yet, and whether they have a stream: one probe of the index each.
with recursive waiting as (
    (select e.store_id from event e where e.position is null order by e.store_id limit 1)
    union all
    select (select e.store_id from event e where e.position is null and e.store_id > w.store_id order by e.store_id limit 1)
      from waiting w where w.store_id is not null
)
select w.store_id, exists (select from stream s where s.store_id = w.store_id) as has_stream
  from waiting w
 where w.store_id is not null;

-- name: begin_stream
-- A store's stream starts at zero, once.
insert into stream (store_id) values (:store) on conflict do nothing;

-- name: lock_stream
-- The end of a store's stream, kept until the transaction ends, and whether webhooks are to be told; nothing while
-- another relay has it.
select position,
       exists (select from webhook_endpoint w
                where w.active and (w.stores is null or stream.store_id = any (w.stores))) as heard
  from stream
 where store_id = :store
   for update skip locked;

-- name: place
-- The oldest events without a place get the next ones. Run under the stream's lock, as its own statement:
-- what was committed before the lock is seen, and nobody else gives places.
-- The sequence numbers come as one array, so that events are met by their key whatever the planner believes of the table.
with next as materialized (
    select array(select seq from event where store_id = :store and position is null order by seq limit :limit) as seqs
), placed as (
    update event e
       set position = :last::bigint + array_position(n.seqs, e.seq)
      from next n
     where e.store_id = :store and e.seq = any (n.seqs)
    returning e.seq
)
update stream
   set position = position + (select count(*) from placed)
 where store_id = :store
returning position;

-- name: after
-- What happened in these stores (null: all) after the place already read in each, as the API tells it: the next of every
-- stream first, so that what is told of a store is always the beginning of what is new in it. A place beyond the end of a
-- stream was read before the database was restored from a backup: that store is told from its beginning.
select e.store_id, e.position,
       json_build_object('id', e.id, 'type', e.type, 'at', rfc3339(e.at), 'store', e.store_id, 'position', e.position,
                         'data', event_data(e))::text as body
  from stream s,
       lateral (select case when asked.position <= s.position then asked.position else 0 end as position
                  from (select (:after::jsonb ->> s.store_id)::bigint as position) asked) read,
       lateral (select * from event e
                 where e.store_id = s.store_id and e.position > read.position
                 order by e.position limit :limit) e
 where s.position > read.position and (:stores::text[] is null or s.store_id = any (:stores::text[]))
 order by e.position - read.position, e.store_id
 limit :limit;

-- name: of_reservation
-- The history of one reservation, in the order it happened, as the API tells it.
select json_build_object('id', e.id, 'type', e.type, 'at', rfc3339(e.at), 'happened_at', rfc3339(e.happened_at),
                         'store', e.store_id, 'position', e.position, 'actor', e.actor, 'action', e.action,
                         'source', e.source, 'target', e.target, 'facts', e.data, 'data', event_data(e))::text as body
  from event e
 where e.store_id = :store and e.reservation_id = :reservation
 order by e.seq;
