-- name: due
-- The store's reservations whose people are to be forgotten: so many days after the end, or soon after it where they asked.
select id from reservation
 where store_id = :store and customer_name is not null
   and (ended_at < now() - make_interval(days => :days) or erase_asked_at is not null and ended_at < now() - interval '1 hour')
 order by ended_at limit :limit for update skip locked;

-- name: forget
-- Nothing personal is left of these reservations; ids, quantities and times stay.
update reservation
   set customer_name = null, email = null, phone = null, customer_ref = null, company = null, delegate_name = null,
       delegate_phone = null, note = null, pickup_code = null, token = null,
       checked_by = case when checked_by in ('code', 'token') then checked_by end
 where store_id = :store and id = any (:ids::uuid[]);

-- name: forget_addresses
-- Nor of the messages about them; what waits to be sent goes nowhere.
update notification set address = null
 where store_id = :store and reservation_id = any (:ids::uuid[]) and address is not null;

-- name: forget_replies
-- Nor of what they wrote back.
update reply set body = null
 where store_id = :store and reservation_id = any (:ids::uuid[]) and body is not null;

-- name: forget_captured
-- Nor of those that were captured.
delete from captured_message where store_id = :store and reservation_id = any (:ids::uuid[]);

-- name: forget_deliveries
-- Nor of the webhooks that named them: they tell what happened, and no more to whom; what was told is its owner's to forget.
update delivery d
   set body = (d.body::jsonb #- '{data,customer}')::text, personal = false
  from event e
 where e.store_id = :store and e.reservation_id = any (:ids::uuid[])
   and d.store_id = e.store_id and d.event_seq = e.seq and d.personal;

-- name: forget_words
-- Nor of what people wrote as a reason.
update event set data = data - array['reason', 'text', 'note']
 where store_id = :store and reservation_id = any (:ids::uuid[]) and data ?| array['reason', 'text', 'note'];

-- name: forget_comments
-- Nor of what they said of the shop; the score stays.
update survey_answer set comment = null
 where store_id = :store and reservation_id = any (:ids::uuid[]) and comment is not null;

-- name: forget_answers
-- Nor of the first answers to their Idempotency-Keys: a replay tells them as they are now.
update idempotency i
   set body = reservation_json(r, :links::text, false, null)::text
  from reservation r
 where i.store_id = :store and i.body like '{"id":"%' and substring(i.body from 8 for 36) = any (:ids::uuid[]::text[])
   and r.store_id = :store and r.id = any (:ids::uuid[]) and r.id::text = substring(i.body from 8 for 36);

-- name: forget_delegate
-- Nothing of the delegate with this phone is left of these reservations; the customer's is, and whoever was named instead.
update reservation set delegate_name = null, delegate_phone = null
 where store_id = :store and id = any (:ids::uuid[]) and left(delegate_phone, 21) = any (:phones::text[]);

-- name: forget_delegate_replies
-- Nor of what they wrote back; a reply to no message that is known may be theirs.
update reply p set body = null
 where p.store_id = :store and p.reservation_id = any (:ids::uuid[]) and p.person = 'delegate' and p.body is not null
   and not exists (select from notification n
                    where n.store_id = p.store_id and n.id = p.notification_id and n.address is not null
                      and left(n.address, 21) <> all (:phones::text[]));

-- name: forget_delegate_addresses
-- Nor of the messages to them, by which their replies were found; what waits to be sent goes nowhere.
update notification set address = null
 where store_id = :store and reservation_id = any (:ids::uuid[]) and person = 'delegate' and left(address, 21) = any (:phones::text[]);

-- name: forget_delegate_captured
-- Nor of those that were captured.
delete from captured_message
 where store_id = :store and reservation_id = any (:ids::uuid[]) and recipient = :phone;

-- name: of_person
-- The reservations of an order, a customer, an e-mail address (by how it begins, sealed) or a phone, in these stores
-- (null: all), the newest first; as whose they are theirs: the customer's, or the delegate's, whose phone is sealed. Who was
-- told as a delegate stays one when another is named.
select p.store_id, p.id, p.order_ref, p.state, p.person
  from (select store_id, id, order_ref, state, 'customer' as person from reservation where order_ref = :order_ref
        union all
        select store_id, id, order_ref, state, 'customer' from reservation where customer_ref = :customer_ref
        union all
        select store_id, id, order_ref, state, 'customer' from reservation
         where email is not null and left(email, 21) = any (:emails::text[])
        union all
        select store_id, id, order_ref, state, 'customer' from reservation
         where :phone::text is not null and phone = :phone
        union all
        (select store_id, id, order_ref, state, 'delegate' from reservation
          where delegate_phone is not null and left(delegate_phone, 21) = any (:phones::text[]) and phone is distinct from :phone
         union
         select r.store_id, r.id, r.order_ref, r.state, 'delegate'
           from notification n
           join reservation r on r.store_id = n.store_id and r.id = n.reservation_id and r.phone is distinct from :phone
          where n.channel = 'sms' and n.person = 'delegate' and n.address is not null
            and left(n.address, 21) = any (:phones::text[]))) p
 where :stores::text[] is null or p.store_id = any (:stores::text[])
 order by p.id desc
 limit :limit;

-- name: of_delegate
-- The messages about a reservation that went to the delegate with this phone, and the replies to them.
with told as (
    select store_id, id from notification
     where store_id = :store and reservation_id = :reservation and person = 'delegate' and left(address, 21) = any (:phones::text[])
)
select id from told
union all
select p.id from told t
  join reply p on p.store_id = t.store_id and p.reservation_id = :reservation and p.notification_id = t.id;

-- name: lock
-- These reservations, each kept until the transaction ends: whether it has ended, or its people were forgotten already.
select id, ended_at is not null or customer_name is null as ended
  from reservation
 where store_id = :store and id = any (:ids::uuid[])
 order by id for update;

-- name: ask
-- These are forgotten as soon as they have ended.
update reservation set erase_asked_at = coalesce(erase_asked_at, now())
 where store_id = :store and id = any (:ids::uuid[]);

-- name: sealed
-- What is sealed of the next reservations of a store, kept until it is sealed anew.
select id, email, company, note, delegate_name, delegate_phone
  from reservation
 where store_id = :store and id > :after
 order by id limit :limit for update;

-- name: renew
-- The same under another key.
update reservation
   set email = :email, company = :company, note = :note, delegate_name = :delegate_name, delegate_phone = :delegate_phone
 where store_id = :store and id = :id;

-- name: sealed_addresses
-- The addresses of messages about these reservations.
select id, reservation_id, channel, address from notification
 where store_id = :store and reservation_id = any (:ids::uuid[]) and address is not null
 order by id for update;

-- name: renew_address
-- The same under another key.
update notification set address = :address where store_id = :store and id = :id;

-- name: sealed_comments
-- What customers of these reservations said of the shop.
select reservation_id, comment from survey_answer
 where store_id = :store and reservation_id = any (:ids::uuid[]) and comment is not null
 order by reservation_id for update;

-- name: renew_comment
-- The same under another key.
update survey_answer set comment = :comment where store_id = :store and reservation_id = :id;

-- name: sealed_replies
-- What customers of these reservations wrote back.
select id, reservation_id, body from reply
 where store_id = :store and reservation_id = any (:ids::uuid[]) and body is not null
 order by id for update;

-- name: renew_reply
-- The same under another key.
update reply set body = :body where store_id = :store and id = :id;

-- name: sealed_answers
-- The next kept answers of a store that hold something sealed.
select credential, operation, key, body from idempotency
 where store_id = :store and (credential, operation, key) > (:credential, :operation, :key) and position(:mark in body) > 0
 order by credential, operation, key limit :limit;

-- name: renew_answer
-- The same under another key.
update idempotency set body = :body
 where store_id = :store and credential = :credential and operation = :operation and key = :key;

-- name: sealed_deliveries
-- The next webhooks of a store whose bodies hold something sealed.
select id, body from delivery
 where store_id = :store and id > :after and personal and position(:mark in body) > 0
 order by id limit :limit for update;

-- name: renew_delivery
-- The same under another key: what is sent stays the same.
update delivery set body = :body where store_id = :store and id = :id;
