-- name: now
-- The moment of this transaction.
select now();

-- name: counters
-- How many reservations stand where; units promised beyond what is there, counted from the lines themselves: always 0.
with claim as (
    select l.store_id, l.sku, sum(l.quantity - l.short - l.collected - l.refused) as units
      from reservation r
      join reservation_line l on l.store_id = r.store_id and l.reservation_id = r.id
     where r.state in ('held', 'confirmed', 'picking', 'ready')
     group by l.store_id, l.sku
)
select count(*) filter (where state = 'held') as held,
       count(*) filter (where state in ('confirmed', 'picking')) as preparing,
       count(*) filter (where state = 'ready') as ready,
       count(*) filter (where state in ('collected', 'returned')) as collected,
       (select coalesce(sum(greatest(0, c.units - coalesce(greatest(p.on_hand, 0) + p.shortfall, 0))), 0)::integer
          from claim c left join position p on p.store_id = c.store_id and p.sku = c.sku) as oversold
  from reservation;

-- name: latest
-- The last steps that reservations took, in all stores.
select e.id, e.at, e.target as state, s.name as store, r.order_ref
  from store s,
       lateral (select * from event o
                 where o.store_id = s.id and o.reservation_id is not null and o.target is not null
                 order by o.seq desc limit :most) e
  join reservation r on r.store_id = e.store_id and r.id = e.reservation_id
 where r.store_id = s.id
 order by e.at desc, e.seq desc
 limit :most;

-- name: ready_token
-- The link of an order that waits to be collected, the newest; null when there is none.
select token from reservation where state = 'ready' and token is not null order by ready_at desc limit 1;

-- name: plenty
-- Something of which one store has much, to try with.
select p.store_id as store, p.sku, i.name
  from position p
  join item i on i.sku = p.sku
 order by p.on_hand - p.reserved - p.safety_stock desc, p.store_id, p.sku
 limit 1;

-- name: on_offer
-- Things of which a store has plenty, dear enough to be worth the way.
select p.sku, i.name, i.price, i.currency
  from position p
  join item i on i.sku = p.sku
 where p.store_id = :store and i.price between 250 and 1500
 order by p.on_hand - p.reserved - p.safety_stock desc, p.sku
 limit :most;

-- name: inbox
-- The messages that would have been sent, the newest first, from one on (null: the newest).
select id, channel, recipient, kind, locale, subject, left(body_text, 140) as beginning, captured_at
  from captured_message
 where :from::bigint is null or id <= :from
 order by id desc
 limit :most;

-- name: message
-- One captured message, all of it.
select id, channel, sender, recipient, kind, locale, subject, body_text, body_html, captured_at, sendings, reservation_id, carrier
  from captured_message
 where id = :id;

-- name: newest
-- The newest message; 0 when there is none.
select coalesce(max(id), 0) from captured_message;

-- name: newer
-- How many messages came after one.
select count(*) from captured_message where id > :id;

-- name: untold
-- Work that stands between what happened and its messages: events not yet relayed, messages not yet sent.
select (select count(*) from event where position is null)
     + (select count(*) from notification where state in ('pending', 'sending', 'unknown'));

-- name: captured
-- How many messages went out.
select count(*) from captured_message;

-- name: told
-- How often each customer of an order was told what, on which channel.
select r.order_ref, m.kind, m.channel, sum(m.sendings)::integer as times
  from captured_message m
  join reservation r on r.store_id = m.store_id and r.id = m.reservation_id
 group by r.order_ref, m.kind, m.channel;

-- name: left_over
-- Units that are still on hand or reserved somewhere.
select coalesce(sum(abs(on_hand) + reserved), 0)::integer from position;

-- name: delivery
-- The delivery of a message to the endpoint at such an address.
select d.endpoint_id, d.id
  from delivery d
  join webhook_endpoint w on w.id = d.endpoint_id
 where d.message_id = :message and w.url like :url and w.active
 limit 1;

-- name: endpoint
-- The demo's endpoint of this name, whatever its port was.
select id from webhook_endpoint where url like :url and deleted_at is null limit 1;

-- name: carriers
-- The carriers of captured messages, which of them are switched off, and how many messages wait on the channel.
select c.channel, n.name, exists (select from captured_switch s where s.channel = c.channel and s.carrier = n.name) as off,
       (select count(*) from notification w
         where w.channel = c.channel and w.state = 'pending' and w.attempts > 0)::integer as waiting
  from (values ('email'), ('sms')) c(channel), (values ('capture'), ('spare')) n(name)
 order by c.channel, n.name;

-- name: switch_off
-- The carrier takes nothing on this channel.
insert into captured_switch (carrier, channel) values (:carrier, :channel) on conflict do nothing;

-- name: switch_on
-- The carrier takes everything again.
delete from captured_switch where carrier = :carrier and channel = :channel;

-- name: rested
-- The carrier is well: nothing is held against it.
delete from carrier where channel = :channel and name = :carrier;

-- name: try_again
-- What waits on this channel is due now.
update notification set next_attempt_at = now() where channel = :channel and state = 'pending' and attempts > 0;
