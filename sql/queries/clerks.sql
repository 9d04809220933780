-- name: create
-- A new clerk of a store.
insert into clerk (store_id, id, name, pin_hash)
values (:store, :id, :name, :pin_hash)
returning id, store_id as store, name, created_at, updated_at, left_at;

-- name: listed
-- The clerks of a store, those who left too: the history names them.
select id, store_id as store, name, created_at, updated_at, left_at
  from clerk
 where store_id = :store
 order by id;

-- name: replace
-- A clerk with another name, or another PIN: whoever works under the old one has to give the new one.
with changed as (
    update clerk
       set name = :name, pin_hash = coalesce(:pin_hash, pin_hash), updated_at = now()
     where store_id = :store and id = :id and left_at is null
    returning id, store_id as store, name, created_at, updated_at, left_at),
ended as (
    update clerk_session set ended_at = now()
     where :pin_hash::text is not null and store_id = :store and clerk_id = :id and ended_at is null)
select id, store, name, created_at, updated_at, left_at from changed;

-- name: leave
-- The clerk works here no more; said again, the first moment stays.
with gone as (
    update clerk
       set left_at = coalesce(left_at, now()), updated_at = now()
     where store_id = :store and id = :id
    returning id, store_id as store, name, created_at, updated_at, left_at),
ended as (
    update clerk_session set ended_at = now()
     where store_id = :store and clerk_id = :id and ended_at is null)
select id, store, name, created_at, updated_at, left_at from gone;

-- name: pin
-- What a clerk's PIN is held against.
select pin_hash from clerk where store_id = :store and id = :id and left_at is null;

-- name: rehash
-- The same PIN under a newer secret of ours.
update clerk set pin_hash = :pin_hash where store_id = :store and id = :id and pin_hash = :old_hash;

-- name: begin
-- A clerk begins to work at a device, where they still work at all; whoever worked there before has left.
with before as (
    update clerk_session set ended_at = now()
     where store_id = :store and device_id = :device and ended_at is null)
insert into clerk_session (store_id, id, device_id, clerk_id, secret_hash)
select clerk.store_id, :id, :device, clerk.id, :secret_hash
  from clerk
 where clerk.store_id = :store and clerk.id = :clerk and clerk.left_at is null
returning clerk_id;

-- name: working
-- Who works at a device under this session; nobody after half a day, or after fifteen minutes without a deed.
select clerk_id, secret_hash, active_at < now() - interval '1 minute' as unnoted
  from clerk_session
 where store_id = :store and id = :id and device_id = :device and ended_at is null
   and began_at > now() - interval '12 hours' and active_at > now() - interval '15 minutes';

-- name: worked
-- Whether a clerk worked at a device when something was done there (null: now), by a clock that may differ by a minute;
-- what was done keeps their session open, as `note_deed` does.
with worked as (
    select s.store_id, s.id, s.active_at, moment
      from clerk_session s, coalesce(:at::timestamptz, now()) moment
     where s.store_id = :store and s.device_id = :device and s.clerk_id = :clerk
       and s.began_at between moment - interval '12 hours' and moment + interval '1 minute'
       and s.active_at > moment - interval '15 minutes' and (s.ended_at is null or s.ended_at >= moment)),
noted as (
    update clerk_session s set active_at = w.moment
      from worked w
     where s.store_id = w.store_id and s.id = w.id and w.active_at < w.moment - interval '1 minute')
select exists (select from worked);

-- name: note_deed
-- Write down that a clerk is active, once a minute.
update clerk_session
   set active_at = now()
 where store_id = :store and id = :id and active_at < now() - interval '1 minute';

-- name: end
-- The clerk leaves the device.
update clerk_session set ended_at = now()
 where store_id = :store and device_id = :device and ended_at is null;

-- name: forget
-- Sessions that ended, or could have, a month ago: the history says who did what.
delete from clerk_session
 where (store_id, id) in (select store_id, id from clerk_session where began_at < now() - interval '30 days' limit 1000);
