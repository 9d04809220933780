-- name: server
-- What the server says of itself; sizes and counts of connections are of the whole server.
select current_setting('server_version_num')::integer as version_number, current_setting('server_version') as version,
       now() as moment, pg_is_in_recovery() as standby,
       current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on' as keeps_what_it_says,
       current_setting('synchronous_commit') as synchronous_commit,
       current_setting('autovacuum') = 'on' as vacuums,
       current_setting('wal_level') <> 'minimal' and current_setting('archive_mode') <> 'off' as archives,
       current_setting('data_checksums') = 'on' as checks_pages,
       current_setting('max_connections')::integer
           - current_setting('superuser_reserved_connections')::integer as connections,
       (select count(*) from pg_stat_activity where backend_type = 'client backend')::integer as connected,
       (select count(*) from pg_stat_replication)::integer as replicas,
       pg_encoding_to_char(encoding) as encoding, pg_database_size(oid) as size, age(datfrozenxid) as transactions_ago
  from pg_database
 where datname = current_database();

-- name: oldest_transaction
-- How long the oldest transaction of this database has been open, in seconds, but for this one; null: there is none.
select extract(epoch from now() - min(xact_start))::float8
  from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null;

-- name: largest
-- The largest tables, with what belongs to them, and how many of their rows are dead; as the statistics know it.
select relname::text as name, pg_total_relation_size(relid) as size, n_live_tup as rows, n_dead_tup as dead
  from pg_stat_user_tables
 order by pg_total_relation_size(relid) desc, relname
 limit 3;

-- name: given_up
-- What was given up in the last week and is nobody's any more: messages, webhooks, endpoints that were switched off.
select (select count(*) from notification where state = 'failed' and updated_at > now() - interval '7 days')::integer as failed,
       (select count(*) from notification where state = 'unknown' and next_attempt_at is null
                                            and updated_at > now() - interval '7 days')::integer as doubtful,
       (select count(*) from delivery d join webhook_endpoint w on w.id = d.endpoint_id
         where d.state = 'dead' and w.deleted_at is null and d.updated_at > now() - interval '7 days')::integer as dead,
       (select count(*) from webhook_endpoint where disabled_at is not null and deleted_at is null)::integer as switched_off;

-- name: left_lying
-- Whether upkeep has not been round: first answers and deliveries past their time, older than it ever leaves them.
select exists (select from idempotency where created_at < now() - interval '10 days')
    or exists (select from delivery where created_at < now() - interval '32 days');

-- name: keys
-- The keys that open something: how many, how many of them nobody has used for three months, and how old the oldest is.
select count(*)::integer as living,
       (count(*) filter (where coalesce(last_used_at, created_at) < now() - interval '90 days'))::integer as idle,
       coalesce(extract(days from now() - min(created_at)), 0)::integer as oldest_days
  from key
 where revoked_at is null;

-- name: stores
-- How many stores there are.
select count(*)::integer from store;
