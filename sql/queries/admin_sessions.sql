-- name: begin
-- Somebody comes in with a key that still opens.
insert into admin_session (id, secret_hash, key_id, language)
select :id, :secret_hash, key.id, :language
  from key
 where key.id = :key and key.revoked_at is null
returning id;

-- name: living
-- Who is in the administration: what their key may, as it is now; and the zone of all its stores, where they have one.
select s.secret_hash, s.language, key.id as key, key.name, key.scopes, key.stores,
       (select min(time_zone) from store where key.stores is null or store.id = any (key.stores)
        having count(distinct time_zone) = 1) as time_zone
  from admin_session s
  join key on key.id = s.key_id
 where s.id = :id and s.ended_at is null and s.began_at > now() - interval '12 hours' and key.revoked_at is null;

-- name: speak
-- From now on in this language.
update admin_session set language = :language where id = :id;

-- name: end
-- They leave.
update admin_session set ended_at = now() where id = :id and ended_at is null;

-- name: forget
-- Sessions that have been over for a month.
delete from admin_session where id in (select id from admin_session where began_at < now() - interval '30 days' limit 1000);
