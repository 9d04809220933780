-- name: beat
-- This worker is alive; of how many stores it could not do its work, by round.
insert into worker (id, host, passed_over) values (:id, :host, :passed_over)
on conflict (id) do update set seen_at = now(), passed_over = excluded.passed_over;

-- name: leave
-- This worker has stopped in good order.
delete from worker where id = :id;

-- name: newest_beat
-- Seconds since a worker of this host (null: of any) was last seen; null when there was none.
select extract(epoch from now() - max(seen_at))::double precision from worker where :host::text is null or host = :host;

-- name: forget
-- Workers not seen for a day.
delete from worker where seen_at < now() - interval '1 day';
