-- migrate:up

-- Which message was answered: an order may have had several delegates, and what one wrote is not another's to read.
alter table reply add column notification_id uuid;

-- Who asked before the order's end and is not forgotten yet.
-- squawk-ignore require-concurrent-index-creation
create index reservation_to_forget_early on reservation (store_id, ended_at)
 where erase_asked_at is not null and customer_name is not null;

-- migrate:down
drop index reservation_to_forget_early;
alter table reply drop column notification_id;
