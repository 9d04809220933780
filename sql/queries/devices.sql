-- name: create
-- A device that waits for ten minutes to be paired; only the hash of its code is kept.
insert into device (id, store_id, name, language, code_hash, code_until, created_by)
select :id, store.id, :name, :language, :code_hash, now() + interval '10 minutes', :created_by
  from store
 where store.id = :store
returning id, store_id as store, name, language, created_at, code_until as pairing_until, paired_at, revoked_at, last_used_at;

-- name: claim
-- The device that this code pairs, from now on with this secret; the code has opened its one time.
update device
   set code_hash = null, code_until = null, secret_hash = :secret_hash, paired_at = now()
 where code_hash = :code_hash and code_until > now() and revoked_at is null
returning id, store_id as store, name, language, created_at, code_until as pairing_until, paired_at, revoked_at, last_used_at;

-- name: listed
-- Devices in the order they were made, from the one after `after`; of some stores only where the caller has some.
select id, store_id as store, name, language, created_at, code_until as pairing_until, paired_at, revoked_at, last_used_at
  from device
 where (:after::text is null or (created_at, id) > (select created_at, id from device where id = :after))
   and (:store::text is null or store_id = :store)
   and (:stores::text[] is null or store_id = any (:stores))
 order by created_at, id
 limit :limit;

-- name: revoke
-- From now on the device opens nothing, and nobody works at it; revoked again, it keeps the moment of the first time.
with gone as (
    update device
       set revoked_at = coalesce(revoked_at, now()), code_hash = null, code_until = null
     where id = :id and (:stores::text[] is null or store_id = any (:stores))
    returning id, store_id as store, name, language, created_at, code_until as pairing_until, paired_at, revoked_at, last_used_at),
ended as (
    update clerk_session set ended_at = now()
      from gone
     where clerk_session.store_id = gone.store and device_id = gone.id and ended_at is null)
select id, store, name, language, created_at, pairing_until, paired_at, revoked_at, last_used_at from gone;

-- name: living
-- What proves a device, while it is not revoked; `unnoted`: its last use was written down more than a minute ago.
select secret_hash, array['counter'] as scopes, array[store_id] as stores,
       coalesce(last_used_at < now() - interval '1 minute', true) as unnoted
  from device
 where id = :id and secret_hash is not null and revoked_at is null;

-- name: note_use
-- Write down that a device is in use, once a minute however many processes see it.
update device
   set last_used_at = now()
 where id = :id and coalesce(last_used_at < now() - interval '1 minute', true);

-- name: described
-- A device as it knows itself, with its store and who works at it.
select device.id, device.name, device.language, store.id as store, store.name as store_name, store.time_zone,
       clerk.id as clerk_id, clerk.name as clerk_name
  from device
  join store on store.id = device.store_id
  left join clerk on clerk.store_id = device.store_id and clerk.id = :clerk
 where device.id = :id;

-- name: forget
-- Devices that were never paired, a day after their code had its time.
delete from device
 where id in (select id from device where paired_at is null and created_at < now() - interval '1 day' limit 1000);
