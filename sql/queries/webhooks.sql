-- name: create
-- A new endpoint, with the secret that signs what it is sent.
insert into webhook_endpoint (id, url, description, format, fields, events, stores, active, secret, created_by)
values (new_id(), :url, :description, :format, :fields::text[], :events::text[], :stores::text[], :active, :secret, :created_by)
returning id, version, url, description, format, fields, events, stores, active, failing_since, disabled_at, disabled_reason,
          old_secret_until, created_at, updated_at;

-- name: count
-- How many endpoints there are.
select count(*) from webhook_endpoint where deleted_at is null;

-- name: standing
-- How many endpoints are on, and how many were switched off because they failed.
select count(*) filter (where active) as active,
       count(*) filter (where not active and disabled_reason is not null) as switched_off
  from webhook_endpoint
 where deleted_at is null;

-- name: listed
-- Endpoints in the order they were made, from the one after `after`; for a caller of some stores, those of its stores only.
select id, version, url, description, format, fields, events, stores, active, failing_since, disabled_at, disabled_reason,
       case when old_secret_until > now() then old_secret_until end as old_secret_until, created_at, updated_at
  from webhook_endpoint
 where deleted_at is null and (:after::uuid is null or id > :after) and (:reach::text[] is null or stores <@ :reach)
 order by id
 limit :limit;

-- name: find
-- One endpoint, where the caller may see it.
select id, version, url, description, format, fields, events, stores, active, failing_since, disabled_at, disabled_reason,
       case when old_secret_until > now() then old_secret_until end as old_secret_until, created_at, updated_at
  from webhook_endpoint
 where id = :id and deleted_at is null and (:reach::text[] is null or stores <@ :reach);

-- name: lock
-- The endpoint's version, and nobody changes it until the transaction ends.
select version from webhook_endpoint
 where id = :id and deleted_at is null and (:reach::text[] is null or stores <@ :reach)
   for no key update;

-- name: resume
-- About to be switched on again, or moved elsewhere: what waits for it is due at once.
update delivery d
   set next_attempt_at = now()
  from webhook_endpoint w
 where w.id = :id and :active and (not w.active or w.url <> :url)
   and d.endpoint_id = w.id and d.state = 'pending' and d.next_attempt_at > now();

-- name: replace
-- All of an endpoint but its secrets. Switched on again, or moved elsewhere, it begins with a clean slate.
update webhook_endpoint
   set url = :url, description = :description, format = :format, fields = :fields::text[],
       events = :events::text[], stores = :stores::text[], active = :active,
       failing_since = case when active and url = :url then failing_since end,
       rest_until = case when active and url = :url then rest_until end,
       disabled_at = case when not :active then disabled_at end,
       disabled_reason = case when not :active then disabled_reason end,
       version = version + 1, updated_at = now()
 where id = :id;

-- name: rotate
-- A new secret; the one before signs beside it for so many hours, and the one before that no more.
update webhook_endpoint
   set secret = :secret,
       old_secret = case when :hours::integer > 0 then secret end,
       old_secret_until = case when :hours > 0 then now() + make_interval(hours => :hours) end,
       version = version + 1, updated_at = now()
 where id = :id;

-- name: switch_off
-- It is sent nothing any more, and its owner is told by an event, in a stream of theirs.
with off as (
    update webhook_endpoint
       set active = false, disabled_at = now(), disabled_reason = :reason, version = version + 1, updated_at = now()
     where id = :endpoint and active
    returning id, stores
), told as (
    insert into event (store_id, id, type, data, actor)
    select s.id, new_id(), 'webhook.disabled', jsonb_build_object('endpoint', off.id, 'reason', :reason::text), 'worker'
      from off
      join store s on s.id = coalesce(nullif(:store, ''), off.stores[1], (select min(store.id) from store))
    returning seq
)
select off.id, (select count(*) from told) as told from off;

-- name: remove
-- It is gone for its owner at once; its secrets with it.
update webhook_endpoint
   set deleted_at = now(), active = false, secret = '', old_secret = null, old_secret_until = null,
       version = version + 1, updated_at = now()
 where id = :id and deleted_at is null and (:reach::text[] is null or stores <@ :reach);

-- name: forget
-- Endpoints that were deleted and have no deliveries left.
delete from webhook_endpoint w
 where w.deleted_at is not null and not exists (select from delivery d where d.endpoint_id = w.id);

-- name: forget_old_secrets
-- Secrets whose time beside the new one is over.
update webhook_endpoint set old_secret = null, old_secret_until = null where old_secret_until <= now();
