-- name: due
-- What a carrier can send now, the oldest first, by store: what is new, where it is the first of the channel's carriers that
-- does not rest; what so many attempts could not hand over, where it is the next that does not rest after the one that could not
-- (of those it looks at the oldest only: who is not the first has time); what is in doubt with it; and for the first of all, what
-- is in doubt with one that is no longer there. A plain read; each store then claims its own.
with awake as (
    select a.name, a.place
      from unnest(:carriers::text[]) with ordinality a(name, place)
      left join carrier c on c.channel = :channel and c.name = a.name
     where coalesce(c.rested_until <= now(), true)
), before as (
    select array_agg(b.name) as names
      from unnest(:carriers) with ordinality b(name, place)
     where :carrier = coalesce((select a.name from awake a where a.name <> b.name
                                 order by a.place < b.place, a.place limit 1), b.name)
)
select d.store_id, array_agg(d.id) as ids
  from ((select store_id, id from notification
          where channel = :channel and state = 'pending' and next_attempt_at <= now()
            and :carrier = (select name from awake order by place limit 1)
            and (attempts < :patience or not coalesce(provider = any (:carriers), false)
                 or provider = any ((select names from before)::text[]))
          order by next_attempt_at limit :limit)
        union all
        (select o.store_id, o.id
           from (select store_id, id, attempts, provider from notification
                  where channel = :channel and state = 'pending' and next_attempt_at <= now()
                    and :carrier <> (select name from awake order by place limit 1) and :carrier in (select name from awake)
                  order by next_attempt_at limit 200) o
          where o.attempts >= :patience and o.provider = any ((select names from before)::text[])
          limit :limit)
        union all
        (select store_id, id from notification
          where channel = :channel and state = 'unknown' and next_attempt_at <= now()
            and (provider = :carrier and :carrier in (select name from awake)
                 or not coalesce(provider = any (:carriers), false) and :carrier = (:carriers::text[])[1])
          order by next_attempt_at limit :limit)) d
 group by d.store_id
 order by d.store_id;

-- name: hush
-- What has come due in quiet hours after all (its turn came late, or it is tried again) waits for the morning, unless that
-- is too late for it. What may ring at any hour may so for `just_now` seconds: later it answers nothing that anybody did.
update notification n
   set next_attempt_at = m.morning, due_at = m.morning, updated_at = now()
  from (select h.id, decent(now(), s.time_zone, h.quiet_from, h.quiet_to) as morning
          from notification h
          join store s on s.id = h.store_id
         where h.store_id = :store and h.id = any (:ids::uuid[]) and h.quiet_from is not null) m
 where n.store_id = :store and n.id = m.id and n.state = 'pending' and n.next_attempt_at <= now()
   and (n.quiet or n.due_at < now() - make_interval(secs => :just_now))
   and m.morning > now() and coalesce(m.morning < n.too_late_at, true);

-- name: claim
-- Take due messages for sending, under a lease of so many seconds; whoever else has one in hand keeps it. They go where the
-- customer is reached by now, but for a doubt, which is looked up where it was sent.
-- What is no longer true is not sent: the reason says so (where a first sending is in doubt, the doubt remains).
with due as (
    select n.id, n.doubts, w.address,
           case when n.address is null then 'forgotten'
                when n.kind = 'opted_out' then null
                when w.address is null then 'address_gone'
                when n.person = 'delegate' and left(n.address, 21) is distinct from left(r.delegate_phone, 21) then 'delegate_changed'
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
     cross join lateral (select case when n.person <> 'customer' or n.kind = 'opted_out' or n.doubts > 0 then n.address
                                     when n.channel = 'email' then r.email else r.phone end as address) w
     where n.store_id = :store and n.id = any (:ids::uuid[])
       and n.state in ('pending', 'unknown') and n.next_attempt_at <= now()
     order by n.id
       for update of n skip locked
)
update notification n
   set address = case when d.moot is null then d.address else n.address end,
       state = case when d.moot is null then 'sending' when d.doubts > 0 then 'unknown' else 'suppressed' end,
       reason = d.moot,
       attempts = n.attempts + case when d.moot is null then 1 else 0 end,
       lease_until = case when d.moot is null then now() + make_interval(secs => :lease) end,
       next_attempt_at = null, begun_at = null, updated_at = now()
  from due d
 where n.store_id = :store and n.id = d.id
returning n.id, n.state, n.reason;

-- name: put_off
-- A due message that can't be claimed lets others go first, for so many seconds. Whoever has it in hand keeps it.
update notification n
   set next_attempt_at = now() + make_interval(secs => :delay), updated_at = now()
  from (select store_id, id from notification
         where store_id = :store and id = :id and state in ('pending', 'unknown') and next_attempt_at <= now()
           for update skip locked) due
 where n.store_id = due.store_id and n.id = due.id;

-- name: contents
-- All that the words of these messages are made of.
select n.id, n.store_id, n.reservation_id, n.kind, n.channel, n.person, n.address, n.locale, n.attempts, n.doubts, n.provider,
       n.doubted_since, n.revivals,
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

-- name: fall_back
-- Where these messages will not go out, the channel that takes over does, once: an event obliges to one message per channel
-- and person. Its quiet hours are its own: a mail that comes back at night wakes nobody by a text, but who has come within
-- `just_now` seconds.
with heir as (
    select n.event_seq, n.reservation_id, n.kind, n.fallback, n.person, n.locale, n.too_late_at, m.morning,
           case n.fallback when 'email' then r.email else r.phone end as address, n.fallback_quiet_from, n.fallback_quiet_to,
           not coalesce(r.arrived_at > now() - make_interval(secs => :just_now), false) as quiet
      from notification n
      join reservation r on r.store_id = n.store_id and r.id = n.reservation_id
      join store s on s.id = n.store_id
     cross join lateral (select decent(now(), s.time_zone, n.fallback_quiet_from, n.fallback_quiet_to) as morning) m
     where n.store_id = :store and n.id = any (:ids::uuid[]) and n.state in ('failed', 'suppressed')
       and n.fallback is not null and n.person = 'customer'
)
insert into notification (store_id, id, event_seq, reservation_id, kind, channel, person, address, locale,
                          quiet, quiet_from, quiet_to, too_late_at, due_at, next_attempt_at)
select :store, new_id(), h.event_seq, h.reservation_id, h.kind, h.fallback, h.person, h.address, h.locale,
       h.quiet, h.fallback_quiet_from, h.fallback_quiet_to, h.too_late_at, t.at, t.at
  from heir h
 cross join lateral (select case when h.quiet and coalesce(h.morning < h.too_late_at, true) then h.morning else now() end as at) t
 where h.address is not null
on conflict on constraint message_is_sent_once do nothing;

-- name: begin
-- From here on this carrier may have sent it. True while this attempt still has it; its lease runs anew, and should nobody
-- hear of it again, it is looked into after so many seconds (`doubt`) from here.
-- A doubt that was cleared (it had not gone out) is none any more, and any carrier may try.
update notification
   set begun_at = now(), lease_until = now() + make_interval(secs => :lease), provider = :provider,
       next_attempt_at = now() + make_interval(secs => :doubt),
       doubts = case when :cleared then 0 else doubts end,
       doubted_since = case when :cleared or doubts = 0 then now() else doubted_since end, updated_at = now()
 where store_id = :store and id = :id and state = 'sending' and attempts = :attempts and lease_until > now()
returning true;

-- name: accept
-- The carrier has it; also said by an attempt that others had given up. What a receipt said meanwhile is not taken back.
update notification
   set state = case when state in ('sending', 'unknown', 'pending') then 'accepted' else state end,
       provider = :provider, provider_ref = :provider_ref, reason = null,
       next_attempt_at = null, lease_until = null, begun_at = null, updated_at = now()
 where store_id = :store and id = :id and attempts = :attempts
   and (state in ('sending', 'unknown', 'pending') or state in ('accepted', 'delivered') and provider_ref is null);

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
-- It won't be sent: failed, or unknown for good, of which the shop is told by an event; or suppressed. Who gives up a message
-- that may have gone out leaves the doubt.
with ended as (
    update notification
       set state = case when doubts > 0 and (:state = 'suppressed' or :reason like 'gave_up%') then 'unknown' else :state end,
           provider = :provider, reason = :reason,
           next_attempt_at = null, lease_until = null, begun_at = null, updated_at = now()
     where store_id = :store and id = :id and state = 'sending' and attempts = :attempts
    returning store_id, id, reservation_id, kind, channel, state
), told as (
    insert into event (store_id, id, type, reservation_id, notification_id, data, actor)
    select store_id, new_id(), 'notification.failed', reservation_id, id,
           jsonb_build_object('kind', kind, 'channel', channel, 'reason', :reason::text), 'carrier'
      from ended
     where state <> 'suppressed'
)
select id from ended;

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
-- The lease is over. What was begun may have gone out: a doubt, for as long as its carrier wants to be left alone with it.
-- What was not begun is sent as if nothing had been.
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
       next_attempt_at = greatest(now(), n.next_attempt_at), lease_until = null, begun_at = null, updated_at = now()
  from over
 where n.store_id = :store and n.id = over.id;
