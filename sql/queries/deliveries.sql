-- name: owe
-- The deliveries that the events of these places oblige to, with the body that every attempt sends: in the format of the
-- endpoint, and with the fields of the customer that its owner named. Each body is spelled once for all who want the same.
with owed as materialized (
    select e.seq, w.id as endpoint_id, w.format, w.fields
      from event e
      join webhook_endpoint w on w.active and (w.stores is null or e.store_id = any (w.stores))
                             and (w.events = '{}' or e.type = any (w.events))
     where e.store_id = :store and e.position > :after and e.position <= :until
), spelled as materialized (
    select e.store_id, e.seq, e.id, e.type, coalesce(e.reservation_id::text, e.sku, e.id::text) as subject,
           o.format, o.fields, o.fields <> '{}' and e.reservation_id is not null as personal,
           webhook_body(e, o.format, o.fields, :source::text || '/v1/stores/' || e.store_id) as body
      from (select distinct seq, format, fields from owed) o
      join event e on e.store_id = :store and e.seq = o.seq
)
insert into delivery (store_id, id, endpoint_id, event_seq, message_id, type, subject, body, format, personal)
select s.store_id, new_id(), o.endpoint_id, s.seq, s.id, s.type, s.subject, s.body, s.format, s.personal
  from owed o
  join spelled s on s.seq = o.seq and s.format = o.format and s.fields = o.fields
 order by s.seq
on conflict on constraint delivery_is_owed_once do nothing;

-- name: ping
-- One delivery about nothing, by which an owner sees that their endpoint is reached.
insert into delivery (store_id, id, endpoint_id, message_id, type, subject, format, body)
select '', n.id, w.id, n.message_id, 'webhook.ping', n.id::text, w.format,
       case w.format
       when 'cloudevents' then
           json_build_object('specversion', '1.0', 'id', n.message_id, 'source', :source::text || '/v1/webhook-endpoints/' || w.id,
                             'type', 'webhook.ping', 'time', rfc3339(now()), 'datacontenttype', 'application/json',
                             'data', json_build_object('endpoint', w.id))
       else json_build_object('type', 'webhook.ping', 'timestamp', rfc3339(now()), 'data', json_build_object('endpoint', w.id))
       end::text
  from webhook_endpoint w, (select new_id() as id, new_id() as message_id) n
 where w.id = :endpoint
returning id, message_id, type, store_id, state, attempts, last_status, reason, next_attempt_at, created_at, delivered_at;

-- name: due
-- The endpoints to which something can be sent now: one look into the index of each.
select w.id
  from webhook_endpoint w
 where w.active and coalesce(w.rest_until <= now(), true)
   and exists (select from delivery d where d.endpoint_id = w.id and d.state = 'pending' and d.next_attempt_at <= now())
 order by w.id;

-- name: claim
-- Take an endpoint's oldest due deliveries under a lease, one of each subject, and none whose subject has an earlier one
-- under way or waiting. From an endpoint that fails, one at a time.
with chosen as (
    select d.store_id, d.id
      from delivery d
     where d.endpoint_id = :endpoint and d.state = 'pending' and d.next_attempt_at <= now()
       and exists (select from webhook_endpoint w where w.id = :endpoint and w.active and coalesce(w.rest_until <= now(), true))
       and not exists (select from delivery earlier
                        where earlier.endpoint_id = d.endpoint_id and earlier.store_id = d.store_id and earlier.subject = d.subject
                          and earlier.event_seq < d.event_seq and earlier.state in ('pending', 'sending'))
     order by d.next_attempt_at, d.event_seq
     limit (select case when w.failing_since is null then :most::integer else 1 end from webhook_endpoint w where w.id = :endpoint)
       for update of d skip locked
)
update delivery d
   set state = 'sending', lease_until = now() + make_interval(secs => :lease), next_attempt_at = null, updated_at = now()
  from chosen c, webhook_endpoint w
 where d.store_id = c.store_id and d.id = c.id and w.id = d.endpoint_id
returning d.store_id, d.id, d.endpoint_id, d.lease_until, d.attempts, d.message_id, d.type, d.body, d.format, w.url, w.secret,
          case when w.old_secret_until > now() then w.old_secret end as old_secret, extract(epoch from now())::bigint as timestamp,
          (select e.traceparent from event e where e.store_id = d.store_id and e.seq = d.event_seq) as traceparent;

-- name: park
-- What is due but waits for an earlier one is due when that one is, so that nobody looks at it in vain until then; some
-- thousand at a time.
with parked as (
    select d.store_id, d.id, e.next_attempt_at
      from delivery d, lateral (select earlier.next_attempt_at from delivery earlier
                                 where earlier.endpoint_id = d.endpoint_id and earlier.store_id = d.store_id
                                   and earlier.subject = d.subject and earlier.event_seq < d.event_seq
                                   and earlier.state = 'pending' and earlier.next_attempt_at > now()
                                 order by earlier.event_seq limit 1) e
     where d.endpoint_id = :endpoint and d.state = 'pending' and d.next_attempt_at <= now()
     order by d.next_attempt_at
     limit 2000
       for update of d skip locked
)
update delivery d
   set next_attempt_at = p.next_attempt_at
  from parked p
 where d.store_id = p.store_id and d.id = p.id;

-- name: unpark
-- What was never tried is due again: what it waited for is due, too.
update delivery set next_attempt_at = now()
 where endpoint_id = :endpoint and state = 'pending' and attempts = 0 and next_attempt_at > now();

-- name: deliver
-- The endpoint has it; that counts whenever it is heard. An endpoint that answers fails no longer.
with delivered as (
    update delivery
       set state = 'delivered', attempts = attempts + 1, last_status = :status, reason = null,
           next_attempt_at = null, lease_until = null, delivered_at = now(), updated_at = now()
     where store_id = :store and id = :id and state <> 'delivered'
    returning endpoint_id
)
update webhook_endpoint w
   set failing_since = null
  from delivered d
 where w.id = d.endpoint_id and w.failing_since is not null;

-- name: strike
-- Note that an attempt on this endpoint failed, while it is that attempt's to tell, and for how long it wants to be left
-- alone; whether it has failed for too many days. The endpoint is locked before its deliveries, always.
update webhook_endpoint w
   set failing_since = coalesce(w.failing_since, now()),
       rest_until = greatest(w.rest_until, now() + make_interval(secs => :rest))
 where w.id = :endpoint
   and exists (select from delivery d
                where d.store_id = :store and d.id = :id and d.state = 'sending' and d.lease_until = :lease)
returning w.failing_since <= now() - make_interval(days => :days) as too_long;

-- name: postpone
-- The attempt failed: the next is due after so many seconds; null: there is none any more.
update delivery
   set state = case when :delay::float8 is null then 'dead' else 'pending' end,
       attempts = attempts + 1, last_status = :status, reason = :reason,
       next_attempt_at = now() + make_interval(secs => :delay::float8), lease_until = null, updated_at = now()
 where store_id = :store and id = :id and state = 'sending' and lease_until = :lease;

-- name: give_back
-- What was claimed and not sent is anybody's again, at once.
update delivery
   set state = 'pending', next_attempt_at = now(), lease_until = null, updated_at = now()
 where store_id = :store and id = :id and state = 'sending' and lease_until = :lease;

-- name: release
-- The lease is over, and nobody knows how far its sender came: it is sent again, under the same id.
update delivery d
   set state = 'pending', reason = 'sender_died', next_attempt_at = now(), lease_until = null, updated_at = now()
  from (select store_id, id from delivery
         where state = 'sending' and lease_until <= now()
         order by lease_until limit :limit
           for update skip locked) o
 where d.store_id = o.store_id and d.id = o.id;

-- name: listed
-- An endpoint's deliveries in these states, the newest first, from the one before `before`.
select d.id, d.message_id, d.type, d.store_id, d.state, d.attempts, d.last_status, d.reason, d.next_attempt_at,
       d.created_at, d.delivered_at
  from unnest(:states::text[]) wanted(state),
       lateral (select * from delivery
                 where endpoint_id = :endpoint and state = wanted.state and (:before::uuid is null or id < :before)
                 order by id desc limit :limit) d
 order by d.id desc
 limit :limit;

-- name: between
-- An endpoint's deliveries in these states whose ids lie between two, both counted; ids sort by when they were made.
select d.store_id, d.id
  from unnest(:states::text[]) wanted(state),
       lateral (select store_id, id from delivery
                 where endpoint_id = :endpoint and state = wanted.state and id between :first and :last
                 order by id limit :limit) d
 order by d.id
 limit :limit;

-- name: owe_missed
-- The deliveries to an endpoint of what happened from one moment to another and was never written for it, because it was off or
-- not there yet: so many, the oldest first. Older than a month is older than deliveries are kept. The times of events lie nearly
-- in the order of their places, so the places are halved until they surround the time.
with recursive span as (
    select w.id, w.format, w.fields, w.events, s.store_id, s.position as newest,
           greatest(:since, now() - interval '30 days') as since, :until::timestamptz as until
      from webhook_endpoint w
      join stream s on w.stores is null or s.store_id = any (w.stores)
     where w.id = :endpoint
), halved as (
    select s.store_id, m.moment, 0::bigint as low, s.newest + 1 as high
      from span s, lateral (values (s.since - interval '1 hour'), (s.until + interval '1 hour')) m(moment)
    union all
    select h.store_id, h.moment, case when e.at < h.moment then e.position else h.low end,
           case when e.at < h.moment then h.high else e.position end
      from halved h
      join event e on e.store_id = h.store_id and e.position = (h.low + h.high) / 2
     where h.high - h.low > 1
), places as (
    select store_id, min(low) as after, max(high) as before from halved where high - low = 1 group by store_id
), missed as materialized (
    select e.store_id, e.seq, s.format, s.fields
      from span s
      join places p on p.store_id = s.store_id
      join event e on e.store_id = s.store_id and e.position > p.after and e.position < p.before
     where e.at between s.since and s.until and (s.events = '{}' or e.type = any (s.events))
       and not exists (select from delivery d where d.store_id = e.store_id and d.event_seq = e.seq and d.endpoint_id = s.id)
     order by e.at, e.seq
     limit :limit
)
insert into delivery (store_id, id, endpoint_id, event_seq, message_id, type, subject, body, format, personal)
select m.store_id, new_id(), :endpoint, m.seq, e.id, e.type, coalesce(e.reservation_id::text, e.sku, e.id::text),
       webhook_body(e, m.format, m.fields, :source::text || '/v1/stores/' || e.store_id), m.format,
       m.fields <> '{}' and e.reservation_id is not null
  from missed m
  join event e on e.store_id = m.store_id and e.seq = m.seq
 order by m.seq
on conflict on constraint delivery_is_owed_once do nothing;

-- name: requeue
-- These are sent again from the start, with the same id and the same bytes; what is under way stays under way.
update delivery d
   set state = 'pending', attempts = 0, reason = null, next_attempt_at = now(), delivered_at = null, updated_at = now()
  from unnest(:stores::text[], :ids::uuid[]) asked(store_id, id)
 where d.store_id = asked.store_id and d.id = asked.id and d.state <> 'sending';

-- name: waiting
-- How many deliveries wait for an endpoint that is on, and how many are given up.
select (select count(*) from webhook_endpoint w join delivery d on d.endpoint_id = w.id and d.state = 'pending' where w.active) as pending,
       (select count(*) from webhook_endpoint w join delivery d on d.endpoint_id = w.id and d.state = 'dead'
         where w.deleted_at is null) as dead;

-- name: forget
-- Deliveries older than a month, some thousand at a time.
delete from delivery
 where ctid = any (array(select ctid from delivery
                          where created_at < now() - interval '30 days' and state <> 'sending' limit 5000));

-- name: forget_deleted
-- Some thousand deliveries of endpoints that were deleted.
delete from delivery
 where ctid = any (array(select d.ctid
                           from webhook_endpoint w,
                                lateral (select ctid from delivery where endpoint_id = w.id and state <> 'sending' limit 5000) d
                          where w.deleted_at is not null limit 5000));
