-- name: newest_order
-- The newest order about which we wrote to this phone, one that is open before all others: as its customer's, or as that
-- of a delegate, which is sealed and found by how it begins. With the address as the message has it.
select r.store_id, r.id, r.locale, n.person, n.address, n.id as notification
  from (select store_id, id, reservation_id, person, address from notification
         where channel = 'sms' and address = :phone
        union all
        select store_id, id, reservation_id, person, address from notification
         where channel = 'sms' and person = 'delegate' and address is not null and left(address, 21) = any (:sealed::text[])) n
  join reservation r on r.store_id = n.store_id and r.id = n.reservation_id
 order by r.state in ('held', 'confirmed', 'picking', 'ready') desc, r.id desc, n.person, n.id desc
 limit 1;

-- name: keep
-- What they wrote, and the event that says so: it names the reply, and not what is in it. The event's place in line.
with kept as (
    insert into reply (store_id, id, reservation_id, notification_id, channel, person, body, stop)
    values (:store, :id, :reservation, :notification, :channel, :person, :body, :stop)
    returning store_id, id, reservation_id, channel, person, stop
)
insert into event (store_id, id, type, reservation_id, data, actor)
select store_id, new_id(), 'reply.received', reservation_id,
       jsonb_build_object('reply', id, 'channel', channel, 'person', person, 'stop', stop), 'customer'
  from kept
returning seq;

-- name: confirm
-- The one message that goes to who opted out: that they did. They are awake: it rings at any hour, where it is not late.
insert into notification (store_id, id, event_seq, reservation_id, kind, channel, person, address, locale,
                          quiet, quiet_from, quiet_to, due_at, next_attempt_at)
values (:store, new_id(), :seq, :reservation, 'opted_out', :channel, :person, :address, :locale,
        false, :quiet_from::time, :quiet_to::time, now() - make_interval(secs => :age), now())
    on conflict on constraint message_is_sent_once do nothing;

-- name: of_reservation
-- What was written back about a reservation, the newest first.
select id, channel, person, body, stop, received_at
  from reply
 where store_id = :store and reservation_id = :reservation
 order by id desc;

-- name: of_open_orders
-- What was written back about the orders of a store that are still open, the newest first.
select p.id, p.reservation_id as reservation, p.channel, p.person, p.body, p.stop, p.received_at
  from reservation r
  join reply p on p.store_id = r.store_id and p.reservation_id = r.id
 where r.store_id = :store and r.state in ('confirmed', 'picking', 'ready')
 order by p.id desc
 limit 500;
