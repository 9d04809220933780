-- name: take
-- Count an attempt before it is judged, so that many at once are counted each: as one under way, which is forgotten
-- after ten seconds where its process died. No row: as many as may are under way or failed within fifteen minutes; or
-- `most` failed, and the quarter of an hour since the last of them is not over.
insert into attempt (store_id, kind, subject, failed_at, under_way)
values (:store, :kind, :subject, '{}', array[now()])
on conflict (store_id, kind, subject) do update
   set failed_at = case when cardinality(attempt.failed_at) >= :most then '{}' else lately(attempt.failed_at, '15 minutes') end,
       under_way = lately(attempt.under_way, '10 seconds') || now()
 where case when cardinality(attempt.failed_at) >= :most
            then attempt.failed_at[cardinality(attempt.failed_at)] <= now() - interval '15 minutes'
            else cardinality(lately(attempt.failed_at, '15 minutes'))
               + cardinality(lately(attempt.under_way, '10 seconds')) < :most
       end
returning now() as at;

-- name: seconds_left
-- How long until it may be tried again.
select case when cardinality(failed_at) >= :most
            then ceil(extract(epoch from failed_at[cardinality(failed_at)] + interval '15 minutes' - now()))::integer
            else 1
       end
  from attempt
 where store_id = :store and kind = :kind and subject = :subject;

-- name: failed
-- The attempt was wrong; how many count now. What was wrong last, and counts still, is not counted again (`said` null:
-- whatever it was, it counts).
update attempt
   set failed_at = case when last_wrong = :said and failed_at[cardinality(failed_at)] > now() - interval '15 minutes'
                        then failed_at
                        else failed_at || now()
                   end,
       last_wrong = :said,
       under_way = array_remove(under_way, :at)
 where store_id = :store and kind = :kind and subject = :subject
returning cardinality(failed_at);

-- name: give_back
-- The attempt was none: it was right, or was not judged.
update attempt
   set under_way = array_remove(under_way, :at)
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
                                      where lately(failed_at, '1 day') = '{}' and lately(under_way, '10 seconds') = '{}'
                                      limit 1000);
