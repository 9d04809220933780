-- name: keep
-- What a provider said; said again it is known already.
insert into callback (provider, event_id, query, body)
select :provider, u.event_id, :query, u.body
  from unnest(:event_ids::text[], :bodies::text[]) u(event_id, body)
    on conflict do nothing;

-- name: take
-- The next one that waits; nobody else reads it until the transaction ends. With its age in seconds.
select provider, event_id, query, body, extract(epoch from now() - received_at)::float8 as age
  from callback
 where look_at <= now()
 order by look_at
 limit 1
   for update skip locked;

-- name: settle
-- It was read: what it was. What it said is kept only where it was not understood.
update callback
   set look_at = null, outcome = :outcome, query = case when :keep then query else '' end, body = case when :keep then body end
 where provider = :provider and event_id = :event_id;

-- name: defer
-- Its message is not known here yet: to be read again after so many seconds.
update callback set look_at = now() + make_interval(secs => :delay) where provider = :provider and event_id = :event_id;

-- name: forget
-- Callbacks of more than 30 days ago, some thousand at a time; until then none is taken twice.
delete from callback
 where ctid = any (array(select ctid from callback
                          where received_at < now() - interval '30 days' and look_at is null limit 5000));
