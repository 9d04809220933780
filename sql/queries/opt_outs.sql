-- name: add
-- From now on nothing goes to this address on this channel; said again, the first time stands.
insert into opt_out (channel, address_hash, reason, opted_out_by)
values (:channel, :hash, :reason, :by)
on conflict do nothing;

-- name: remove
-- Messages may go there again, under whichever of its hashes the address was noted.
delete from opt_out where channel = :channel and address_hash = any (:hashes::bytea[]);

-- name: found
-- Which of these hashes want no messages on this channel.
select address_hash from opt_out where channel = :channel and address_hash = any (:hashes::bytea[]);

-- name: carry_over
-- What was noted under an older key stands under the newest one too, as it was said.
insert into opt_out (channel, address_hash, reason, opted_out_by, opted_out_at)
select o.channel, :newest, o.reason, o.opted_out_by, o.opted_out_at
  from opt_out o
 where o.channel = :channel and o.address_hash = :older
on conflict do nothing;
