-- name: create
-- A new key; only the hash of its secret is kept.
insert into key (id, secret_hash, name, scopes, stores)
values (:id, :secret_hash, :name, :scopes::text[], :stores::text[])
returning id, name, scopes, stores, created_at, revoked_at, last_used_at;

-- name: unknown_stores
-- Which of these are no stores.
select asked.id
  from unnest(:stores::text[]) asked(id)
 where not exists (select from store where store.id = asked.id)
 order by asked.id;

-- name: listed
-- Keys in the order they were made, from the one after `after`; for a caller of some stores, those of its stores only.
select id, name, scopes, stores, created_at, revoked_at, last_used_at
  from key
 where (:after::text is null or (created_at, id) > (select created_at, id from key where id = :after))
   and (:stores::text[] is null or stores <@ :stores)
 order by created_at, id
 limit :limit;

-- name: revoke
-- From now on the key opens nothing; revoked again, it keeps the moment of the first time.
update key
   set revoked_at = coalesce(revoked_at, now())
 where id = :id and (:stores::text[] is null or stores <@ :stores)
returning id, name, scopes, stores, created_at, revoked_at, last_used_at;

-- name: living
-- What proves a key, while it is not revoked; `unnoted`: its last use was written down more than a minute ago.
select secret_hash, scopes, stores, coalesce(last_used_at < now() - interval '1 minute', true) as unnoted
  from key
 where id = :id and revoked_at is null;

-- name: note_use
-- Write down that a key is in use, once a minute however many processes see it.
update key
   set last_used_at = now()
 where id = :id and coalesce(last_used_at < now() - interval '1 minute', true);
