-- name: lock
-- One request per key at a time, until the end of the transaction; false while another has it. `hold` takes the same lock.
select pg_try_advisory_xact_lock(hashtextextended(concat_ws(E'\x1f', :store::text, :credential::text, :operation::text, :key::text), 0));

-- name: find
-- The first answer to this key.
select fingerprint, status, body
  from idempotency
 where store_id = :store and credential = :credential and operation = :operation and key = :key;

-- name: keep
-- Keep an answer; the first one stays.
insert into idempotency (store_id, credential, operation, key, fingerprint, status, body)
values (:store, :credential, :operation, :key, :fingerprint, :status, :body)
on conflict do nothing;

-- name: forget
-- Answers older than a week, some thousand at a time.
delete from idempotency
 where ctid = any (array(select ctid from idempotency where created_at < now() - interval '8 days' limit 5000));
