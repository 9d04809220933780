-- name: owe
-- The messages that the events of these places oblige to, as the policy in force has them; an event told twice still
-- obliges once. What would come too late by waiting for the morning does not wait, nor does who stands in the store.
-- A message asked for again goes out at once.
with rule as (
    select u.type, u.kind, u.channel, u.person, u.send, u.delay, u.quiet, u.fallback
      from unnest(:types::text[], :kinds::text[], :channels::text[], :persons::text[], :sends::text[], :delays::integer[],
                  :quiets::boolean[], :fallbacks::text[]) u(type, kind, channel, person, send, delay, quiet, fallback)
), owed as (
    select e.seq, e.at, e.reservation_id, m.kind, m.channel, m.person, m.send, m.delay, m.quiet, m.fallback
      from event e
      join rule m on m.type = e.type and m.send <> 'never'
     where e.store_id = :store and e.position > :after and e.position <= :until
    union all
    select e.seq, e.at, e.reservation_id, m.kind, m.channel, m.person, 'always', 0, false, m.fallback
      from event e
     cross join jsonb_array_elements_text(e.data -> 'channels') c(channel)
      join rule m on m.kind = e.data ->> 'kind' and m.channel = c.channel and m.person = 'customer'
     where e.store_id = :store and e.position > :after and e.position <= :until and e.type = 'notification.requested'
), timed as (
    select o.seq, o.kind, o.channel, o.person, o.fallback, r.id, r.locale, a.address, s.time_zone, d.due_at,
           decent(d.due_at, s.time_zone, :quiet_from, :quiet_to) as morning,
           o.quiet and r.arrived_at is null and :quiet_from::time is not null as quiet,
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
    select t.seq, t.kind, t.channel, t.person, t.fallback, t.id, t.locale, t.address, t.due_at, t.morning,
           t.quiet and coalesce(t.morning < t.deadline, true) as waits
      from timed t
)
insert into notification (store_id, id, event_seq, reservation_id, kind, channel, person, address, locale, fallback,
                          quiet_from, quiet_to, next_attempt_at)
select :store, new_id(), w.seq, w.id, w.kind, w.channel, w.person, w.address, w.locale, w.fallback,
       case when w.waits then :quiet_from::time end, case when w.waits then :quiet_to::time end,
       case when w.waits then w.morning else w.due_at end
  from waiting w
on conflict on constraint message_is_sent_once do nothing;

-- name: hasten
-- Who has come to the store waits for no morning: what the quiet hours hold back goes out.
update notification n
   set next_attempt_at = now(), quiet_from = null, quiet_to = null, updated_at = now()
  from event e
 where e.store_id = :store and e.position > :after and e.position <= :until and e.type = 'reservation.arrived'
   and n.store_id = e.store_id and n.reservation_id = e.reservation_id and n.state = 'pending' and n.quiet_from is not null;

-- name: hush
-- What has come due in quiet hours after all (its turn came late, or it is tried again) waits for the morning.
update notification n
   set next_attempt_at = decent(now(), s.time_zone, n.quiet_from, n.quiet_to), updated_at = now()
  from store s
 where n.store_id = :store and n.id = any (:ids::uuid[]) and s.id = n.store_id
   and n.state = 'pending' and n.quiet_from is not null and n.next_attempt_at <= now()
   and decent(now(), s.time_zone, n.quiet_from, n.quiet_to) > now();

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

-- name: due
-- The oldest messages of a channel that can be sent now, by store; a plain read, each store then claims its own.
select d.store_id, array_agg(d.id) as ids
  from (select store_id, id from notification
         where channel = :channel and state in ('pending', 'unknown') and next_attempt_at <= now()
         order by next_attempt_at limit :limit) d
 group by d.store_id
 order by d.store_id;

-- name: claim
-- Take due messages for sending, under a lease of so many seconds; whoever else has one in hand keeps it.
-- What is no longer true is not sent: the reason says so (where a first sending is in doubt, the doubt remains).
with due as (
    select n.id, n.doubts,
           case when n.address is null then 'forgotten'
                when n.kind = 'short' and (r.answer_by is null or r.answer_by <= now()) then 'answered'
                when exists (select from event newer
                              where newer.store_id = e.store_id and newer.reservation_id = e.reservation_id and newer.type = e.type
                                and newer.version > e.version) then 'told_anew'
                when not exists (select from unnest(:kinds::text[], :states::text[], :seconds::integer[]) t(kind, state, seconds)
                                  where t.kind = n.kind and t.state = r.state
                                    and (t.seconds is null or e.at > now() - make_interval(secs => t.seconds))) then 'order_' || r.state
           end as moot
      from notification n
      join event e on e.store_id = n.store_id and e.seq = n.event_seq
      join reservation r on r.store_id = n.store_id and r.id = n.reservation_id
     where n.store_id = :store and n.id = any (:ids::uuid[])
       and n.state in ('pending', 'unknown') and n.next_attempt_at <= now()
     order by n.id
       for update of n skip locked
)
update notification n
   set state = case when d.moot is null then 'sending' when d.doubts > 0 then 'unknown' else 'suppressed' end,
       reason = d.moot,
       attempts = n.attempts + case when d.moot is null then 1 else 0 end,
       lease_until = case when d.moot is null then now() + make_interval(secs => :lease) end,
       next_attempt_at = null, begun_at = null, updated_at = now()
  from due d
 where n.store_id = :store and n.id = d.id
returning n.id, n.state;

-- name: contents
-- All that the words of these messages are made of.
select n.id, n.store_id, n.reservation_id, n.kind, n.channel, n.person, n.address, n.locale, n.attempts, n.doubts,
       reservation_json(r, :links::text, false, null)::text as reservation, r.token, r.delegate_name,
       s.name as store_name, s.time_zone, s.address as store_address, s.phone as store_phone, s.instructions,
       e.data as facts, e.traceparent
  from notification n
  join event e on e.store_id = n.store_id and e.seq = n.event_seq
  join reservation r on r.store_id = n.store_id and r.id = n.reservation_id
  join store s on s.id = n.store_id
 where n.store_id = :store and n.id = any (:ids::uuid[])
 order by n.event_seq;

-- name: suppress
-- What was claimed and must not go out: the reason says so (where a first sending is in doubt, the doubt remains).
update notification
   set state = case when doubts > 0 then 'unknown' else 'suppressed' end, reason = :reason, attempts = attempts - 1,
       next_attempt_at = null, lease_until = null, updated_at = now()
 where store_id = :store and id = any (:ids::uuid[]) and state = 'sending';

-- name: begin
-- From here on the message may have gone out. True while this attempt still has it; its lease runs anew.
update notification
   set begun_at = now(), lease_until = now() + make_interval(secs => :lease), updated_at = now()
 where store_id = :store and id = :id and state = 'sending' and attempts = :attempts and lease_until > now()
returning true;

-- name: accept
-- The carrier has it; also said by an attempt that others had given up.
update notification
   set state = 'accepted', provider = :provider, provider_ref = :provider_ref, reason = null,
       next_attempt_at = null, lease_until = null, begun_at = null, updated_at = now()
 where store_id = :store and id = :id and state in ('sending', 'unknown', 'pending') and attempts = :attempts;

-- name: postpone
-- Not now: to be tried again after so many seconds. A doubt remains one.
update notification
   set state = case when doubts > 0 then 'unknown' else 'pending' end, provider = :provider, reason = :reason,
       next_attempt_at = now() + make_interval(secs => :delay), lease_until = null, begun_at = null, updated_at = now()
 where store_id = :store and id = :id and state = 'sending' and attempts = :attempts;

-- name: doubt
-- It was handed over, and no answer came: looked up, or sent once more, after so many seconds.
update notification
   set state = 'unknown', doubts = doubts + 1, provider = :provider, reason = :reason,
       next_attempt_at = now() + make_interval(secs => :delay), lease_until = null, begun_at = null, updated_at = now()
 where store_id = :store and id = :id and state = 'sending' and attempts = :attempts;

-- name: end
-- It won't be sent: failed, or unknown for good; the shop is told by an event.
with ended as (
    update notification
       set state = :state, provider = :provider, reason = :reason,
           next_attempt_at = null, lease_until = null, begun_at = null, updated_at = now()
     where store_id = :store and id = :id and state = 'sending' and attempts = :attempts
    returning store_id, id, reservation_id, kind, channel
)
insert into event (store_id, id, type, reservation_id, notification_id, data, actor)
select store_id, new_id(), 'notification.failed', reservation_id, id,
       jsonb_build_object('kind', kind, 'channel', channel, 'reason', :reason::text), 'carrier'
  from ended;

-- name: give_back
-- What was claimed and not begun is anybody's again, at once.
update notification
   set state = case when doubts > 0 then 'unknown' else 'pending' end, attempts = attempts - 1,
       next_attempt_at = now(), lease_until = null, updated_at = now()
 where store_id = :store and id = :id and state = 'sending' and attempts = :attempts and begun_at is null;

-- name: abandoned
-- Messages whose sender was not heard of again, by store; a plain read.
select a.store_id, array_agg(a.id) as ids
  from (select store_id, id from notification where state = 'sending' and lease_until <= now()
         order by lease_until limit :limit) a
 group by a.store_id
 order by a.store_id;

-- name: release
-- The lease is over. What was begun may have gone out: a doubt. What was not begun is sent as if nothing had been.
with over as (
    select n.id from notification n
     where n.store_id = :store and n.id = any (:ids::uuid[]) and n.state = 'sending' and n.lease_until <= now()
     order by n.id
       for update skip locked
)
update notification n
   set state = case when n.begun_at is null and n.doubts = 0 then 'pending' else 'unknown' end,
       doubts = n.doubts + case when n.begun_at is null then 0 else 1 end,
       reason = case when n.begun_at is null then n.reason else 'sender_died' end,
       next_attempt_at = now(), lease_until = null, begun_at = null, updated_at = now()
  from over
 where n.store_id = :store and n.id = over.id;
