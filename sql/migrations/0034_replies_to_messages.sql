-- migrate:up

-- Which message was answered: an order may have had several delegates, and what one wrote is not another's to read.
alter table reply add column notification_id uuid;

-- migrate:down
alter table reply drop column notification_id;
