-- migrate:up

-- Which message was answered: an order may have had several delegates, and what one wrote is not another's to read.
alter table reply add column notification_id uuid;

-- Who asked before the order's end and is not forgotten yet.
-- squawk-ignore require-concurrent-index-creation
create index reservation_to_forget_early on reservation (store_id, ended_at)
 where erase_asked_at is not null and customer_name is not null;

-- The first answers that tell a reservation: they are told anew when its people are forgotten, whatever else its store keeps.
-- squawk-ignore require-concurrent-index-creation
create index idempotency_by_reservation on idempotency (store_id, substring(body from 8 for 36)) where body like '{"id":"%';

-- Of how many stores a worker could not do its work lately, by round: what its log says, for whoever counts.
alter table worker add column passed_over jsonb not null default '{}';

-- migrate:down
alter table worker drop column passed_over;
drop index idempotency_by_reservation;
drop index reservation_to_forget_early;
alter table reply drop column notification_id;
