-- name: take
-- Count an attempt before it is judged, so that many at once are counted each; no row: `most` failed already, and the
-- quarter of an hour since the last of them is not over.
insert into attempt (store_id, kind, subject, failed_at)
values (:store, :kind, :subject, array[now()])
on conflict (store_id, kind, subject) do update
   set failed_at = case when cardinality(attempt.failed_at) >= :most then '{}'
                        else array(select at from unnest(attempt.failed_at) at where at > now() - interval '15 minutes' order by at)
                   end || now()
 where cardinality(attempt.failed_at) < :most
    or attempt.failed_at[cardinality(attempt.failed_at)] <= now() - interval '15 minutes'
returning cardinality(failed_at) as count, now() as at;

-- name: seconds_left
-- How long until it may be tried again.
select ceil(extract(epoch from failed_at[cardinality(failed_at)] + interval '15 minutes' - now()))::integer
  from attempt
 where store_id = :store and kind = :kind and subject = :subject;

-- name: give_back
-- The attempt was none: it was right, or was not judged.
update attempt
   set failed_at = array_remove(failed_at, :at)
 where store_id = :store and kind = :kind and subject = :subject;

-- name: forgive
-- Who was right starts anew.
delete from attempt where store_id = :store and kind = :kind and subject = :subject;

-- name: failures
-- How many attempts failed in the last quarter of an hour, by store; of one store, or of all.
select store_id as store, count(*)::integer as count
  from attempt, unnest(failed_at) at
 where kind = :kind and (:store::text is null or store_id = :store) and at > now() - interval '15 minutes'
 group by store_id
 order by store_id;

-- name: forget
-- What nobody asks about any more.
delete from attempt
 where (store_id, kind, subject) in (select store_id, kind, subject from attempt
                                      where cardinality(failed_at) = 0
                                         or failed_at[cardinality(failed_at)] < now() - interval '1 day'
                                      limit 1000);
