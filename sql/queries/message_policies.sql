-- name: said
-- What the deployment ('') and this store say of messages, in that order.
select p.store_id, p.version, p.policy, p.updated_at
  from message_policy p
 where p.store_id in ('', :store)
 order by p.store_id;

-- name: make
-- The first policy of a store, or of the deployment (''); nothing where there is one.
insert into message_policy (store_id, policy) values (:store, :policy)
on conflict (store_id) do nothing
returning version;

-- name: replace
-- All of a policy, where its version is the expected one (null: any); the new version.
update message_policy
   set policy = :policy, version = version + 1, updated_at = now()
 where store_id = :store and (:expected::integer is null or version = :expected)
returning version;
