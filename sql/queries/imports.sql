-- name: begin
-- A new import, or the one of this key that failed or was given up, from its beginning; nothing while it runs or when it is done.
insert into import (id, kind, mode, dry_run, actor, key, fingerprint)
values (:id, :kind, :mode, :dry_run, :actor, :key, :fingerprint)
on conflict (actor, kind, key) do update
   set state = 'running', attempt = import.attempt + 1, lines = 0, applied = 0, passed_over = 0, zeroed = 0, failed = 0,
       errors = '[]', reason = null, updated_at = now(), finished_at = null
 where import.fingerprint = excluded.fingerprint
   and (import.state = 'failed' or import.state = 'running' and import.updated_at < now() - interval '1 minute')
returning id, attempt;

-- name: of_key
-- The import of an Idempotency-Key.
select id, state, fingerprint from import where actor = :actor and kind = :kind and key = :key;

-- name: find
-- An import as it stands; one that gave no sign of life for a minute has died with its process.
select id, kind, mode, dry_run, case when lost.so then 'failed' else state end as state, lines, applied, passed_over, zeroed,
       failed, errors, case when lost.so then 'It was interrupted; repeat it with the same file.' else reason end as reason,
       actor, created_at, finished_at
  from import, lateral (select state = 'running' and updated_at < now() - interval '1 minute' as so) lost
 where id = :id;

-- name: note
-- Add to what is known of a running import; nothing where another attempt has taken it over.
update import
   set lines = lines + :lines, applied = applied + :applied, passed_over = passed_over + :passed_over,
       zeroed = zeroed + :zeroed, failed = failed + :failed, updated_at = now(),
       errors = case when failed >= 1000 or :failed = 0 then errors
                     else jsonb_path_query_array(errors || :errors::jsonb, '$[0 to 999]') end
 where id = :id and attempt = :attempt and state = 'running';

-- name: finish
-- The end of an import, good or bad.
update import set state = :state, reason = :reason, updated_at = now(), finished_at = now()
 where id = :id and attempt = :attempt and state = 'running';

-- name: named
-- Remember the skus that a snapshot names.
insert into import_line (import_id, store_id, sku)
select :id, :store, named.sku from unnest(:skus::text[]) named(sku)
on conflict do nothing;

-- name: absent
-- Positions that a snapshot of this store does not name, and that were not counted since, by sku.
select p.sku, p.on_hand
  from position p
 where p.store_id = :store and p.sku > :after and (p.as_of is null or p.as_of < :as_of)
   and not exists (select from import_line named where named.import_id = :id and named.store_id = p.store_id and named.sku = p.sku)
 order by p.sku
 limit :limit;

-- name: forget_named
-- Some thousand of the skus remembered for a snapshot, or for one that runs no more.
delete from import_line
 where ctid = any (array(
       select named.ctid from import_line named join import i on i.id = named.import_id
        where i.id = :id or i.state <> 'running' or i.updated_at < now() - interval '1 hour'
        limit 5000));

-- name: shelves
-- Where items lie, locked in the order of their sku: a file of items says nothing about it.
select sku, shelf from item where sku = any (:skus) order by sku for no key update;

-- name: recent
-- The last imports, the newest first; of one actor only, or of all.
select id, kind, mode, dry_run, case when lost.so then 'failed' else state end as state, lines, applied, passed_over, zeroed,
       failed, '[]'::jsonb as errors, reason, created_at, finished_at
  from import, lateral (select state = 'running' and updated_at < now() - interval '1 minute' as so) lost
 where :actor::text is null or actor = :actor
 order by created_at desc
 limit 20;
