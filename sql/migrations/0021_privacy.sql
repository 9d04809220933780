-- migrate:up

-- A customer asked to be forgotten while the order was open: it is done when the order has ended.
alter table reservation add column erase_asked_at timestamptz;

-- Personal data is sealed by service/sealing.py. A sealed address begins with its key's name and a digest of 21 symbols in all.
-- squawk-ignore require-concurrent-index-creation
create index reservation_by_email on reservation (left(email, 21), store_id) where email is not null;

-- What has ended and is not forgotten yet.
-- squawk-ignore require-concurrent-index-creation
create index reservation_to_forget on reservation (store_id, ended_at) where ended_at is not null and customer_name is not null;

-- migrate:down
drop index reservation_to_forget;
drop index reservation_by_email;
alter table reservation drop column erase_asked_at;
