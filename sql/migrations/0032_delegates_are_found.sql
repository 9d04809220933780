-- migrate:up

-- A delegate who asks to be told or forgotten is found by their phone, as it begins sealed.
-- squawk-ignore require-concurrent-index-creation
create index reservation_by_delegate on reservation (left(delegate_phone, 21), store_id) where delegate_phone is not null;

-- migrate:down
drop index reservation_by_delegate;
