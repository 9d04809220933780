-- migrate:up

-- What left the shop's hands, the newest first: the counter's history.
-- squawk-ignore require-concurrent-index-creation
create index reservation_ended on reservation (store_id, ended_at desc) where ended_at is not null;

-- What lies ready and will not be collected any more: it goes back to its shelves.
-- squawk-ignore require-concurrent-index-creation
create index reservation_to_put_back on reservation (store_id, ended_at)
    where state in ('uncollected', 'cancelled') and ready_at is not null and put_back_at is null;

-- A customer's earlier orders, by the phone they gave.
-- squawk-ignore require-concurrent-index-creation
create index reservation_by_phone on reservation (phone, store_id) where phone is not null;

-- migrate:down
drop index reservation_by_phone;
drop index reservation_to_put_back;
drop index reservation_ended;
