-- name: note
-- Write down who changed what, in the transaction of the change.
insert into audit (store_id, actor, action, subject, facts)
values (:store, :actor, :action, :subject, :facts::jsonb);

-- name: listed
-- Who changed what, the newest first; for a caller of some stores, what is about those only.
select a.seq, nullif(a.store_id, '') as store, a.actor, a.action, a.subject, a.facts, a.at, a.position is not null as sealed
  from audit a
 where (:stores::text[] is null or a.store_id = any (:stores::text[])) and a.seq < :before
 order by a.seq desc
 limit :limit;

-- name: unsealed
-- The stores ('': what is about none) with history that no seal covers yet.
select s.store_id
  from stream s
 where s.position > coalesce((select q.events_until from audit_seal q where q.store_id = s.store_id order by q.number desc limit 1), 0)
union
select a.store_id from audit a where a.position is null
 order by store_id;

-- name: lock
-- One sealer per store at a time, until the end of the transaction; false while another is at it.
select pg_try_advisory_xact_lock(hashtextextended('audit' || E'\x1f' || :store::text, 0));

-- name: last
-- The last seal of a store, how far its stream reaches, and the moment of the next.
select coalesce(max(q.number), 0) as number, coalesce(max(q.events_until), 0) as events, coalesce(max(q.audit_until), 0) as audit,
       coalesce((select s.position from stream s where s.store_id = :store), 0) as stream,
       now() as at
  from audit_seal q
 where q.store_id = :store;

-- name: place
-- The oldest lines without a place get the next ones. Run under the lock, as its own statement; the last place.
with next as materialized (
    select array(select seq from audit where store_id = :store and position is null order by seq limit :limit) as seqs
), placed as (
    update audit a
       set position = :last::bigint + array_position(n.seqs, a.seq)
      from next n
     where a.store_id = :store and a.seq = any (n.seqs)
    returning a.position
)
select coalesce(max(position), :last::bigint) from placed;

-- name: digest
-- What the next seal says.
select history_digest(:store, (select q.digest from audit_seal q where q.store_id = :store and q.number = :number - 1),
                      :events_after, :events_until, :audit_after, :audit_until);

-- name: seal
-- The next link of a store's chain.
insert into audit_seal (store_id, number, events_until, audit_until, digest, signed_with, signature, at)
values (:store, :number, :events_until, :audit_until, :digest, :signed_with, :signature, :at);

-- name: seals
-- All seals, for their signatures to be verified.
select store_id, number, digest, signed_with, signature, at from audit_seal order by store_id, number;

-- name: sign_anew
-- The same seal under another key; nothing where it has changed meanwhile.
update audit_seal
   set signed_with = :signed_with, signature = :signature
 where store_id = :store and number = :number and digest = :digest;

-- name: overdue
-- Stores whose history of more than a day ago no seal covers: nobody seals, or somebody has taken seals away.
select e.store_id, min(e.position) as position
  from event e
 where e.at < now() - interval '1 day'
   and e.position > coalesce((select max(q.events_until) from audit_seal q where q.store_id = e.store_id), 0)
 group by e.store_id
 order by e.store_id;
