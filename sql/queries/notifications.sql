-- name: owe
-- The messages that the events of these places oblige to, as the policy in force has them; an event told twice still
-- obliges once. What would come too late by waiting for the morning does not wait, nor does who stands in the store.
-- A message asked for again goes out at once. Texts carry the quiet hours also where they need not wait: should they be late.
with rule as (
    select u.type, u.kind, u.channel, u.person, u.send, u.delay, u.quiet, u.fallback, u.fallback_quiet
      from unnest(:types::text[], :kinds::text[], :channels::text[], :persons::text[], :sends::text[], :delays::integer[],
                  :quiets::boolean[], :fallbacks::text[], :fallbacks_quiet::boolean[])
           u(type, kind, channel, person, send, delay, quiet, fallback, fallback_quiet)
), owed as (
    select e.seq, e.at, e.reservation_id, m.kind, m.channel, m.person, m.send, m.delay, m.quiet, m.fallback, m.fallback_quiet
      from event e
      join rule m on m.type = e.type and m.send <> 'never'
     where e.store_id = :store and e.position > :after and e.position <= :until
    union all
    select e.seq, e.at, e.reservation_id, m.kind, m.channel, m.person, 'always', 0, false, m.fallback, m.fallback_quiet
      from event e
     cross join jsonb_array_elements_text(e.data -> 'channels') c(channel)
      join rule m on m.kind = e.data ->> 'kind' and m.channel = c.channel and m.person = 'customer'
     where e.store_id = :store and e.position > :after and e.position <= :until and e.type = 'notification.requested'
), timed as (
    select o.seq, o.kind, o.channel, o.person, o.fallback, o.fallback_quiet, r.id, r.locale, a.address, s.time_zone, d.due_at,
           decent(d.due_at, s.time_zone, :quiet_from, :quiet_to) as morning,
           o.quiet and r.arrived_at is null as quiet, (o.quiet or o.channel = 'sms') and :quiet_from::time is not null as rings,
           case o.kind when 'held' then r.hold_expires_at when 'short' then r.answer_by
                       when 'ready' then r.collect_by when 'reminder' then r.collect_by end as deadline
      from owed o
      join reservation r on r.store_id = :store and r.id = o.reservation_id
      join store s on s.id = :store
     cross join lateral (select case when o.person = 'delegate' then r.delegate_phone
                                     when o.channel = 'email' then r.email else r.phone end as address,
                                case when o.channel = 'email' then r.phone else r.email end as other) a
     cross join lateral (select greatest(now(), o.at + make_interval(mins => o.delay)) as due_at) d
     where a.address is not null
       and not (o.send = 'instead' and a.other is not null)
       and not (o.kind = 'short' and r.answer_by is null)
), waiting as (
    select t.seq, t.kind, t.channel, t.person, t.fallback, t.fallback_quiet, t.id, t.locale, t.address, t.due_at, t.morning,
           t.deadline, t.quiet, t.rings, t.quiet and t.rings and coalesce(t.morning < t.deadline, true) as waits
      from timed t
)
insert into notification (store_id, id, event_seq, reservation_id, kind, channel, person, address, locale, fallback,
                          quiet, quiet_from, quiet_to, fallback_quiet_from, fallback_quiet_to, too_late_at, due_at, next_attempt_at)
select :store, new_id(), w.seq, w.id, w.kind, w.channel, w.person, w.address, w.locale, w.fallback,
       w.quiet, case when w.rings then :quiet_from::time end, case when w.rings then :quiet_to::time end,
       case when w.fallback_quiet then :quiet_from::time end, case when w.fallback_quiet then :quiet_to::time end, w.deadline,
       t.at, t.at
  from waiting w
 cross join lateral (select case when w.waits then w.morning else w.due_at end as at) t
on conflict on constraint message_is_sent_once do nothing;

-- name: hasten
-- Who has come to the store waits for no morning: what the quiet hours hold back goes out.
update notification n
   set next_attempt_at = now(), due_at = now(), quiet = false, updated_at = now()
  from event e
 where e.store_id = :store and e.position > :after and e.position <= :until and e.type = 'reservation.arrived'
   and n.store_id = e.store_id and n.reservation_id = e.reservation_id and n.state = 'pending' and n.quiet_from is not null;

-- name: reachable
-- Where a reservation stands and how its customer can be told.
select r.state, r.email is not null as email, r.phone is not null as sms, coalesce(r.answer_by > now(), false) as asked
  from reservation r
 where r.store_id = :store and r.id = :reservation;

-- name: request
-- Note that the shop wants a message sent (again): its kind and channels; the relay makes the notifications.
insert into event (store_id, id, type, reservation_id, data, actor)
values (:store, new_id(), 'notification.requested', :reservation,
        jsonb_build_object('kind', :kind::text, 'channels', to_jsonb(:channels::text[])), :actor);

-- name: of_reservation
-- What was told about a reservation, the newest first.
select n.id, n.kind, n.channel, n.person, n.state, n.reason, n.attempts,
       n.created_at, n.updated_at
  from notification n
 where n.store_id = :store and n.reservation_id = :reservation
 order by n.event_seq desc, n.channel, n.person;

-- name: dead
-- Messages that will not go out by themselves any more, in some stores (null: all), the newest first.
select n.store_id, n.id, n.reservation_id, n.kind, n.channel, n.person, n.state, n.reason, n.attempts, n.provider,
       n.created_at, n.updated_at
  from notification n
 where n.state in ('failed', 'unknown') and n.next_attempt_at is null
   and n.state = any (:states::text[]) and (:stores::text[] is null or n.store_id = any (:stores))
   and (:before::uuid is null or n.id < :before)
 order by n.id desc
 limit :limit;

-- name: find
-- One message: what became of it.
select n.store_id, n.id, n.reservation_id, n.kind, n.channel, n.person, n.state, n.reason, n.attempts, n.provider,
       n.created_at, n.updated_at
  from notification n
 where n.store_id = :store and n.id = :id;

-- name: revive
-- A dead message is sent once more, as if it had never been tried, where it is still known to whom. Its carrier gets it by
-- another name: what it said of the sending before says nothing of this one.
update notification
   set state = 'pending', attempts = 0, doubts = 0, provider = null, provider_ref = null, reason = null,
       doubted_since = null, revivals = revivals + 1,
       next_attempt_at = now(), due_at = now(), quiet = false, updated_at = now()
 where store_id = :store and id = :id and state in ('failed', 'unknown') and next_attempt_at is null
   and address is not null;

-- name: standing
-- How many messages will not go out by themselves any more, how many are in doubt, and how many wait to be tried again.
select count(*) filter (where state = 'failed') as failed,
       count(*) filter (where state = 'unknown' and next_attempt_at is null) as unknown,
       count(*) filter (where state = 'unknown' and next_attempt_at is not null) as in_doubt,
       (select count(*) from notification where state = 'pending' and attempts > 0) as retrying
  from notification
 where state in ('failed', 'unknown');
