-- name: fail
-- A carrier failed once more. At the limit it rests, for so many seconds and after each rest in a row twice as many, up to the
-- longest; while it rests, further failures change nothing. Whether it rests from now on.
insert into carrier (channel, name, trouble, reason, failed_at)
values (:channel, :name, :weight::integer, :reason, now())
on conflict (channel, name) do update
   set trouble = least(carrier.trouble + :weight, :limit::integer), reason = :reason, failed_at = now(),
       rests = carrier.rests + case when carrier.trouble + :weight >= :limit and coalesce(carrier.rested_until <= now(), true) then 1 else 0 end,
       rested_until = case when carrier.trouble + :weight >= :limit and coalesce(carrier.rested_until <= now(), true)
                           then now() + make_interval(secs => least(:longest, :shortest * 2 ^ least(carrier.rests, 20)))
                           else carrier.rested_until end
returning coalesce(rested_until > now(), false);

-- name: succeed
-- A carrier that was in trouble did its work: it is in less, and out of it when none is left.
update carrier
   set trouble = trouble - 1, rests = case when trouble = 1 then 0 else rests end
 where channel = :channel and name = :name and trouble > 0
returning trouble;

-- name: standing
-- For how many seconds the carriers that ever failed still rest.
select channel, name,
       greatest(extract(epoch from rested_until - now()), 0)::float8 as rests_for
  from carrier
 order by channel, name;
