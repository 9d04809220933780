-- name: patience
-- Proving takes as long as it takes.
set local statement_timeout = 0;

-- name: reserved_is_the_claims
-- A position's reserved is exactly what reservations claim of it.
select 'reserved is the claims on the position' as promise, store_id as store, sku as subject,
       coalesce(c.claimed, 0)::text as expected, coalesce(p.reserved, 0)::text as found
  from position p
  full join (select l.store_id, l.sku, sum(l.quantity - l.short - l.collected - l.refused) as claimed
               from reservation_line l
               join reservation r on r.store_id = l.store_id and r.id = l.reservation_id
              where claims_stock(r.state)
              group by 1, 2) c using (store_id, sku)
 where coalesce(c.claimed, 0) <> coalesce(p.reserved, 0);

-- name: the_ledger_explains_everything
-- A position is the sum of its movements.
select 'a position is the sum of its movements' as promise, store_id as store, sku as subject,
       format('on_hand %s, reserved %s', coalesce(m.on_hand, 0), coalesce(m.reserved, 0)) as expected,
       format('on_hand %s, reserved %s', coalesce(p.on_hand, 0), coalesce(p.reserved, 0)) as found
  from position p
  full join (select store_id, sku, sum(on_hand_change) as on_hand, sum(reserved_change) as reserved
               from movement group by 1, 2) m using (store_id, sku)
 where (coalesce(m.on_hand, 0), coalesce(m.reserved, 0)) <> (coalesce(p.on_hand, 0), coalesce(p.reserved, 0));

-- name: shortfall_is_what_is_missing
-- Claimed but missing, to the unit: no more is forgiven than what reality took.
select 'shortfall is what is missing' as promise, p.store_id as store, p.sku as subject,
       greatest(0, p.reserved - greatest(p.on_hand, 0))::text as expected, p.shortfall::text as found
  from position p
 where p.shortfall <> greatest(0, p.reserved - greatest(p.on_hand, 0));

-- name: slots_are_the_reservations_in_them
-- A slot's taken is the orders that come, or came, in it.
select 'slots taken are the reservations in them' as promise, store_id as store, starts_at::text as subject,
       coalesce(r.orders, 0)::text as expected, coalesce(s.taken, 0)::text as found
  from slot s
  full join (select store_id, slot_starts_at as starts_at, count(*) as orders
               from reservation
              where slot_starts_at is not null and state not in ('cancelled', 'expired')
              group by 1, 2) r using (store_id, starts_at)
 where coalesce(r.orders, 0) <> coalesce(s.taken, 0);

-- name: history_tells_the_state
-- Every change is one line of history, and the last step leads where the reservation stands.
select 'the history tells the state' as promise, r.store_id as store, r.id::text as subject,
       format('%s at version %s', coalesce(h.state, 'nothing'), coalesce(h.changes, 0)) as expected,
       format('%s at version %s', r.state, r.version) as found
  from reservation r
  left join (select store_id, reservation_id, count(*) as changes, max(version) as last,
                    (array_agg(target order by version desc) filter (where action is not null))[1] as state
               from event where version is not null group by 1, 2) h
    on h.store_id = r.store_id and h.reservation_id = r.id
 where h.state is distinct from r.state or h.changes is distinct from r.version or h.last is distinct from r.version;

-- name: steps_follow_each_other
-- Each step starts where the one before it led.
select 'each step starts where the last one led' as promise, store_id as store, reservation_id::text as subject,
       coalesce(before, 'the beginning') as expected, coalesce(source, 'the beginning') as found
  from (select store_id, reservation_id, version, source,
               lag(target) over (partition by store_id, reservation_id order by version) as before
          from event where action is not null) walked
 where source is distinct from before;

-- name: steps_are_lawful
-- Every step that was taken is one of the lifecycle's (action, from, to); the schema says so too, while its constraint stands.
select 'every step is lawful' as promise, store_id as store, reservation_id::text as subject,
       'a step of the lifecycle' as expected, concat_ws(' ', action, source, target) as found
  from event
 where action is not null and concat(action, ' ', source, ' ', target) <> all (:lawful::text[]);

-- name: one_notification_each
-- No message waits without a time, and none is doubled (the schema says so too).
select 'a message is never in limbo' as promise, n.store_id as store, n.id::text as subject,
       'a next attempt or a lease' as expected, n.state as found
  from notification n
 where (n.state = 'pending' and n.next_attempt_at is null) or (n.state = 'sending' and n.lease_until is null);

-- name: every_wait_has_an_end
-- What is to be tried again is so within days: the longest that anything waits, by its delay and the night after it or by
-- what its endpoint asks for, is less than two. Reminders wait for weeks, but as a date of the order: not as a message.
select 'every wait has an end' as promise, store_id as store, id::text as subject, 'three days at most' as expected,
       format('%s until %s', state, until) as found
  from (select store_id, id, state, greatest(next_attempt_at, lease_until) as until from notification
        union all
        select store_id, id, state, greatest(next_attempt_at, lease_until) from delivery) waiting
 where until > now() + interval '3 days';

-- name: the_stream_is_whole
-- Positions in a store's stream run from 1 to its end without a gap.
select 'positions in the stream have no gap' as promise, store_id as store, 'stream' as subject,
       s.position::text as expected, coalesce(e.last, 0)::text || ' of ' || coalesce(e.events, 0)::text as found
  from stream s
  left join (select store_id, max(position) as last, count(*) as events from event where position is not null group by 1) e using (store_id)
 where coalesce(e.last, 0) <> s.position or coalesce(e.events, 0) <> s.position;

-- name: history_is_as_it_was_sealed
-- Every seal is what its part of the history and the seal before it add up to; the first broken one of each store.
with chain as (
    select q.store_id, q.number, q.digest, q.events_until, q.audit_until, lag(q.digest) over seals as before,
           lag(q.number, 1, 0) over seals as last, lag(q.events_until, 1, 0) over seals as events_after,
           lag(q.audit_until, 1, 0) over seals as audit_after
      from audit_seal q
    window seals as (partition by q.store_id order by q.number)
), told as (
    select c.*, history_digest(c.store_id, c.before, c.events_after, c.events_until, c.audit_after, c.audit_until) as found
      from chain c
)
select distinct on (t.store_id) 'the history is as it was sealed' as promise, t.store_id as store,
       format('seal %s: events %s to %s, audit %s to %s', t.number, t.events_after + 1, t.events_until, t.audit_after + 1, t.audit_until) as subject,
       format('%s after seal %s', encode(t.digest, 'hex'), t.number - 1) as expected,
       format('%s after seal %s', encode(t.found, 'hex'), t.last) as found
  from told t
 where t.digest <> t.found or t.number <> t.last + 1
 order by t.store_id, t.number;

-- name: nothing_is_oversold
-- What is reserved lies between nothing and what is there or known to be missing; the schema says so too, while its constraint stands.
select 'nothing is oversold' as promise, store_id as store, sku as subject,
       format('0 to %s', greatest(on_hand, 0) + shortfall) as expected, reserved::text as found
  from position
 where reserved < 0 or reserved > greatest(on_hand, 0) + shortfall;

-- name: an_end_leaves_no_claim
-- Who has collected took or refused every unit, and an order has an end exactly when it claims nothing any more.
select 'an end leaves no claim' as promise, r.store_id as store, r.id::text as subject,
       'every unit taken, refused or given up' as expected, format('%s, ended %s, %s units left', r.state, coalesce(r.ended_at::text, 'never'), l.units) as found
  from reservation r
  join lateral (select sum(quantity - short - collected - refused) as units
                  from reservation_line where store_id = r.store_id and reservation_id = r.id) l on true
 where (r.state in ('collected', 'returned') and l.units <> 0) or claims_stock(r.state) <> (r.ended_at is null);

-- name: one_effect_each
-- A first answer that says "made" names a reservation of its store, and no two of them the same one.
select 'a key made one reservation' as promise, i.store_id as store, i.key as subject,
       'one reservation of its own' as expected, coalesce(min(r.id::text), 'none') || ' of ' || count(*) as found
  from (select store_id, key, id, count(*) over (partition by store_id, id) as keys
          from (select store_id, key, made, case when made ->> 'id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                                 then (made ->> 'id')::uuid end as id -- as the key of reservation has it
                  from (select store_id, key, case when left(body, 1) = '{' then body::jsonb end as made
                          from idempotency
                         where status = 201 and operation = format('POST /v1/stores/%s/reservations', store_id)) kept) named
         where made is not null) i
  left join reservation r on r.store_id = i.store_id and r.id = i.id
 where r.id is null or i.keys > 1
 group by i.store_id, i.key;

-- name: one_order_stands_once
-- An order has one reservation that stands, and a code opens one; the schema says so too, while its indexes stand.
select 'one order, one reservation, one code' as promise, store_id as store, what as subject, '1' as expected, count(*)::text as found
  from (select store_id, 'order ' || order_ref as what from reservation where state not in ('cancelled', 'expired', 'uncollected')
        union all
        select store_id, 'code ' || pickup_code from reservation where pickup_code is not null) named
 group by store_id, what
having count(*) > 1;

-- name: messages_tell_what_happened
-- A message is about an event that has its place, of the same reservation and of its own kind, and goes to a person once.
-- Only that somebody opted out is confirmed before the relay has come by.
select 'a message tells what happened, once' as promise, n.store_id as store, n.id::text as subject,
       coalesce(e.type, 'an event') as expected, format('%s about %s, %s times', n.kind, n.reservation_id, n.times) as found
  from (select *, count(*) over (partition by store_id, event_seq, channel, person) as times from notification) n
  left join event e on e.store_id = n.store_id and e.seq = n.event_seq
 where n.times > 1 or e.position is null and n.kind <> 'opted_out' or e.reservation_id is distinct from n.reservation_id
    or (e.type <> 'notification.requested'
        and e.type <> case n.kind when 'opted_out' then 'reply.received' when 'reminder' then 'reservation.reminder_due'
                                  else 'reservation.' || n.kind end);

-- name: nobody_is_left_untold
-- What customers must know has at least one message, when its event has its place, and they can be reached; of the last days.
-- But for a kind that a policy does not always send, and but for what happened before a policy was changed, for nobody knows
-- what it said then; a first policy tells, as nothing was said before it.
select 'nobody is left untold' as promise, e.store_id as store, e.reservation_id::text as subject, 'a message' as expected, e.type as found
  from event e
  join reservation r on r.store_id = e.store_id and r.id = e.reservation_id
 where e.position is not null and e.at > now() - interval '8 days'
   and e.type in ('reservation.confirmed', 'reservation.ready', 'reservation.collected', 'reservation.cancelled', 'reservation.expired')
   and (r.email is not null or r.phone is not null)
   and not exists (select from message_policy p
                    where p.store_id in ('', e.store_id)
                      and (p.version > 1 and e.at < p.updated_at + interval '1 minute'
                           or exists (select from jsonb_array_elements(p.policy -> 'rules') rule
                                       where e.type = 'reservation.' || (rule ->> 'kind') and rule ->> 'send' <> 'always'
                                         and rule ->> 'person' is distinct from 'delegate')))
   and not exists (select from notification n where n.store_id = e.store_id and n.event_seq = e.seq);

-- name: deliveries_tell_what_happened
-- A delivery is about an event that has its place, under the event's own id, once for each endpoint.
select 'a delivery tells what happened, once' as promise, d.store_id as store, d.id::text as subject,
       format('%s %s', e.type, e.id) as expected, format('%s %s, %s times', d.type, d.message_id, d.times) as found
  from (select *, count(*) over (partition by store_id, event_seq, endpoint_id) as times from delivery where event_seq is not null) d
  left join event e on e.store_id = d.store_id and e.seq = d.event_seq
 where d.times > 1 or e.position is null or (e.id, e.type) is distinct from (d.message_id, d.type);

-- name: bodies_tell_what_happened
-- A body names what it is about, its place and where that led, as the event does; and those of one event that were written at
-- once are the same bytes for all who want one format and no fields. Not those of who was forgotten, which were written anew.
select 'a body tells what happened, to all the same' as promise, d.store_id as store, d.id::text as subject,
       concat_ws(' ', e.type, 'at', e.position, e.reservation_id, e.target) as expected,
       case when d.bodies > 1 then 'one of several' else 'another' end || ' in ' || d.format as found
  from (select o.store_id, o.id, o.event_seq, o.format, replace(o.body, ' ', '') as said, -- spelled by whichever version
               case when o.personal then 1
                    else dense_rank() over (partition by o.store_id, o.event_seq, o.format, o.created_at, o.personal order by md5(o.body)) end as bodies
          from delivery o where o.event_seq is not null) d
  join event e on e.store_id = d.store_id and e.seq = d.event_seq
  left join reservation r on r.store_id = e.store_id and r.id = e.reservation_id
 where strpos(d.said, format('"type":"%s"', e.type)) = 0 or strpos(d.said, format('"store":"%s"', e.store_id)) = 0
    or strpos(d.said, format('"position":%s,', e.position)) + strpos(d.said, format('"position":%s}', e.position)) = 0
    or e.reservation_id is not null and strpos(d.said, format('"id":"%s"', e.reservation_id)) = 0
    or e.target is not null and strpos(d.said, format('"state":"%s"', e.target)) = 0
    or d.format = 'cloudevents' and strpos(d.said, format('"id":"%s"', e.id)) = 0
    or d.bodies > 1 and (r.id is null or r.customer_name is not null);

-- name: no_endpoint_is_left_untold
-- An endpoint that is as it was when something happened has the delivery that it is owed; of the last days, after the
-- first that is not forgotten, and but for what named a customer who was forgotten.
select 'no endpoint is left untold' as promise, e.store_id as store, e.id::text as subject, 'a delivery to ' || w.id as expected, e.type as found
  from webhook_endpoint w
  join event e on (w.stores is null or e.store_id = any (w.stores)) and (w.events = '{}' or e.type = any (w.events))
 where w.active and e.position is not null and e.at > greatest(w.updated_at, now() - interval '8 days')
   and e.seq >= coalesce((select min(d.event_seq) from delivery d where d.endpoint_id = w.id and d.store_id = e.store_id), 0)
   and not exists (select from delivery d where d.store_id = e.store_id and d.event_seq = e.seq and d.endpoint_id = w.id)
   and not (w.fields <> '{}' and exists (select from reservation r
                                          where r.store_id = e.store_id and r.id = e.reservation_id and r.customer_name is null));

-- name: nothing_is_held_by_the_dead
-- While a worker lives, a lease that is over is taken back, and an event that waits gets its place: within ten minutes. Within
-- an hour a clock strikes, and what is due is tried, or else something else in its line: to its endpoint, on its channel. So a
-- long line that moves is none of the dead's, nor one whose endpoint asked for rest or was switched on just now; and no
-- carrier rests for so long.
select 'nothing is held by the dead' as promise, store_id as store, subject, format('within %s of %s', patience, since) as expected, what as found
  from (select store_id, id::text as subject, 'a message' as what, lease_until as since, interval '10 minutes' as patience
          from notification where state = 'sending'
        union all
        select store_id, id::text, 'a delivery', lease_until, '10 minutes' from delivery where state = 'sending'
        union all
        select store_id, id::text, 'an event without a place', at, '10 minutes' from event where position is null
        union all
        select store_id, id::text, 'an order whose time is up', case state when 'picking' then answer_by else due_at end, '1 hour'
          from reservation where state in ('held', 'picking', 'ready')
        union all
        select n.store_id, n.id::text, 'a message that is due', greatest(n.next_attempt_at, line.moved_at), '1 hour'
          from notification n
          left join (select channel, max(updated_at) as moved_at from notification where updated_at > created_at group by 1) line using (channel)
         where n.state in ('pending', 'unknown') and n.next_attempt_at is not null
        union all
        select d.store_id, d.id::text, 'a delivery that is due', greatest(d.next_attempt_at, w.rest_until, w.updated_at, line.moved_at), '1 hour'
          from delivery d
          join webhook_endpoint w on w.id = d.endpoint_id and w.active
          left join (select endpoint_id, max(updated_at) as moved_at from delivery where updated_at > created_at group by 1) line using (endpoint_id)
         where d.state = 'pending') waiting
 where exists (select from worker w where w.seen_at > waiting.since + waiting.patience and w.seen_at > w.started_at + waiting.patience);

-- name: the_ledger_is_sealed
-- Nothing can change or delete a line of the ledger.
select 'the ledger is sealed' as promise, '' as store, 'movement' as subject, 'movement_is_immutable, enabled' as expected,
       coalesce((select 'it is switched off' from pg_trigger
                  where tgrelid = 'movement'::regclass and tgname = 'movement_is_immutable'), 'it is gone') as found
 where not exists (select from pg_trigger
                    where tgrelid = 'movement'::regclass and tgname = 'movement_is_immutable' and tgenabled = 'O');
