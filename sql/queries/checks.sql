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

-- name: one_notification_each
-- No message waits without a time, and none is doubled (the schema says so too).
select 'a message is never in limbo' as promise, n.store_id as store, n.id::text as subject,
       'a next attempt or a lease' as expected, n.state as found
  from notification n
 where (n.state = 'pending' and n.next_attempt_at is null) or (n.state = 'sending' and n.lease_until is null);

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
