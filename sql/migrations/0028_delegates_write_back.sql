-- migrate:up

-- Who wrote back: the customer, or the delegate they named.
alter table reply add column person text not null default 'customer';

-- Whose phone it is that a delegate's reply comes from: theirs is sealed, and begins with its key's name and a digest.
-- squawk-ignore require-concurrent-index-creation
create index notification_by_sealed_phone on notification (left(address, 21))
 where channel = 'sms' and person = 'delegate' and address is not null;

-- migrate:down
drop index notification_by_sealed_phone;
alter table reply drop column person;
