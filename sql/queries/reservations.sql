-- name: hold
-- Hold for many requests at once; see the function. Its own transaction, one round trip, each lock waited for so long at
-- most: that is said first, for the function is given a piece of what was set, of no length.
select h.id, h.outcome, h.status, h.body, h.facts
  from (select set_config('lock_timeout', :patience::text, true) as patience) w,
       lateral hold(:requests::hold_request[], :lines::hold_line[], :stores::text[], :skus::text[],
                    :slot_stores::text[], :slots::timestamptz[], :links::text || left(w.patience, 0)) h;

-- name: now
-- The only clock.
select now();

-- name: find
-- A reservation as the API tells it.
select reservation_json(r, :links::text, false, null)::text
  from reservation r
 where r.store_id = :store and r.id = :id;

-- name: told
-- The same after a step was asked for: whether it was taken now, and else by whom and when.
select reservation_json(r, :links::text, :applied::boolean, :action::text)::text
  from reservation r
 where r.store_id = :store and r.id = :id;

-- name: lock
-- A reservation to be changed, and the transaction's time; nobody else changes it until the end.
select r.id, r.version, r.state, r.order_ref, r.token, r.pickup_code, r.slot_starts_at, r.hold_expires_at, r.ready_by, r.ready_at,
       r.collect_by, r.collected_at, r.arrived_at, r.confirmed_at, r.put_back_at, r.answer_by, r.extended, r.if_short, r.paid, r.payment_ref,
       r.delegate_name, r.delegate_phone, r.customer_name, r.email, r.phone, now() as now
  from reservation r
 where r.store_id = :store and r.id = :id
   for update;

-- name: lines
-- The lines of a reservation, by sku.
select l.sku, l.quantity, l.short, l.collected, l.refused, l.returned, l.quantity - l.short - l.collected - l.refused as claim
  from reservation_line l
 where l.store_id = :store and l.reservation_id = :id
 order by l.sku;

-- name: last_taken
-- Who took this step of this reservation last, and when it was written.
select e.actor, e.at
  from event e
 where e.store_id = :store and e.reservation_id = :id and e.action = :action
 order by e.version desc
 limit 1;

-- name: newer_standing
-- The other reservation of the same order that stands in this store.
select r.id
  from reservation r
 where r.store_id = :store and r.order_ref = :order_ref and r.id <> :id
   and r.state not in ('cancelled', 'expired', 'uncollected');

-- name: advance
-- Change reservations of one store with all that follows; null, or what no longer fits. See the function.
select advance(:store, :ids::uuid[], :action, :target, :type, :sets::jsonb, :changes::line_change[], :data::jsonb, :actor,
               :happened_at::timestamptz, :reality::boolean);

-- name: due_holds
-- Unpaid holds whose time is up, passing over those that somebody else has in hand.
select id from reservation
 where store_id = :store and state = 'held' and due_at <= now()
 order by due_at limit :limit for update skip locked;

-- name: due_holds_waiting
-- The same, waiting for whoever has them: afterwards none of them is due.
select id from reservation
 where store_id = :store and state = 'held' and due_at <= now()
 order by id limit :limit for update;

-- name: due_lapses
-- Ready orders that nobody collected in time.
select id from reservation
 where store_id = :store and state = 'ready' and due_at <= now()
 order by due_at limit :limit for update skip locked;

-- name: due_reminders
-- Ready orders that a planned reminder is due for: so many hours before the collect-by date. Who was told within the
-- gap, that it is ready or of the date, is left in peace so long; of several that were missed one goes out.
select r.id from reservation r
 where r.store_id = :store and r.state = 'ready' and r.due_at > now()
   and greatest(r.ready_at, r.reminded_at) <= now() - make_interval(hours => :gap)
   and exists (select from unnest(:hours::integer[]) planned(hours)
                where r.due_at <= now() + make_interval(hours => planned.hours)
                  and greatest(r.ready_at, r.reminded_at) < r.due_at - make_interval(hours => planned.hours))
 order by r.due_at limit :limit for update skip locked;

-- name: due_answers
-- Orders whose customer was asked about a short line and said nothing.
select id from reservation
 where store_id = :store and state = 'picking' and answer_by <= now()
 order by id limit :limit for update skip locked;

-- name: due_stores
-- The stores where some clock has work to do: one look into the index for each. Reminders go out so many hours before,
-- or as the store's policy has it.
select s.id
  from store s
  left join message_policy p on p.store_id = s.id
 where exists (select from reservation r where r.store_id = s.id and r.state = 'held' and r.due_at <= now())
    or exists (select from reservation r where r.store_id = s.id and r.state = 'picking' and r.answer_by <= now())
    or exists (select from reservation r where r.store_id = s.id and r.state = 'ready'
                  and r.due_at <= now() + make_interval(hours => case when p.policy ? 'reminders' then coalesce(
                          (select max(h::integer) from jsonb_array_elements_text(p.policy #> '{reminders,hours_before}') h), 0)
                          else :hours::integer end))
 order by s.id;

-- name: listed
-- Reservations of a store by state, changed since a moment, in the order of their ids.
select reservation_json(r, :links::text, false, null)::text as body, r.id
  from reservation r
 where r.store_id = :store and (:states::text[] is null or r.state = any (:states::text[]))
   and (:since::timestamptz is null or r.updated_at >= :since) and r.id > :after
 order by r.id
 limit :limit;

-- name: of_order
-- A customer's or an order's reservations, in these stores (null: all), newest first: one look into the index per store.
select reservation_json(r, :links::text, false, null)::text as body, r.id
  from reservation r
 where r.store_id in (select s.id from store s where :stores::text[] is null or s.id = any (:stores::text[]))
   and (:order_ref::text is null or r.order_ref = :order_ref)
   and (:customer_ref::text is null or r.customer_ref = :customer_ref)
   and r.id < :before
 order by r.id desc
 limit :limit;

-- name: of_code
-- The reservation that a pickup code opens in this store.
select r.id, r.token from reservation r where r.store_id = :store and r.pickup_code = :code;

-- name: of_token
-- The reservation that a token claims to open, by the store's number and the code.
select r.store_id, r.id, r.token
  from store s
  join reservation r on r.store_id = s.id and r.pickup_code = :code
 where s.number = :number;

-- name: search
-- Open reservations of a store, and those of the last 30 days, by a piece of name, phone or order reference; newest first.
select reservation_json(r, :links::text, false, null)::text as body
  from reservation r
 where r.store_id = :store and r.created_at > now() - interval '60 days'
   and (r.state in ('held', 'confirmed', 'picking', 'ready') or r.updated_at > now() - interval '30 days')
   and (r.order_ref = :q
        or lower(r.customer_name) like :like or lower(r.order_ref) like :like
        or (:digits <> '' and r.phone like '%' || :digits))
 order by r.id desc
 limit :limit;

-- name: counts
-- How many open reservations a store has in each state, and how many are late or waiting at the counter.
select count(*) filter (where r.state = 'held') as held,
       count(*) filter (where r.state = 'confirmed') as confirmed,
       count(*) filter (where r.state = 'picking') as picking,
       count(*) filter (where r.state = 'ready') as ready,
       count(*) filter (where r.state in ('confirmed', 'picking') and r.due_at < now()) as late,
       count(*) filter (where r.state in ('confirmed', 'picking', 'ready') and r.arrived_at is not null) as arrived,
       (select count(*) from reservation u where u.store_id = :store and u.state in ('uncollected', 'cancelled')
           and u.ready_at is not null and u.put_back_at is null and u.updated_at > now() - interval '30 days') as to_put_back
  from reservation r
 where r.store_id = :store and r.state in ('held', 'confirmed', 'picking', 'ready');

-- name: pick_list
-- What is to be fetched, by shelf place: one row per line of the orders confirmed or being picked.
select coalesce(i.shelf ->> r.store_id, '') as place, l.sku, l.name, i.gtin, i.image_url, r.id as reservation, r.order_ref,
       r.pickup_code, r.state, r.ready_by, l.quantity - l.short as quantity
  from reservation r
  join reservation_line l on l.store_id = r.store_id and l.reservation_id = r.id
  join item i on i.sku = l.sku
 where r.store_id = :store and r.state in ('confirmed', 'picking') and l.quantity > l.short
 order by 1, l.sku, r.ready_by, r.id
 limit 5000;
