-- name: by_id
-- The message with our id, and its store. A plain read.
select store_id, id from notification where id = :id;

-- name: by_ref
-- The message that a carrier calls so, and its store. A plain read.
select store_id, id from notification where provider = :carrier and provider_ref = :ref limit 1;

-- name: lock
-- The message, and nobody changes it until the transaction ends.
select state from notification where store_id = :store and id = :id for no key update;

-- name: note
-- One line of a message's history; nothing when the provider said so before.
insert into receipt (store_id, notification_id, provider, status, reason)
values (:store, :id, :provider, :status, :reason)
    on conflict do nothing;

-- name: advance
-- Forward only: accepted, then failed, then delivered, in whatever order it is heard. All but a delivery counts where it is
-- about the sending that was last: what was taken before is not the one that somebody sends again by hand. The shop is told by
-- an event.
with moved as (
    update notification
       set state = :state, reason = :reason, provider_ref = coalesce(provider_ref, :ref),
           next_attempt_at = null, lease_until = null, begun_at = null, updated_at = now()
     where store_id = :store and id = :id
       and (:state = 'delivered' or coalesce(revivals = :revival, true))
       and case :state when 'delivered' then state in ('pending', 'sending', 'unknown', 'accepted', 'failed')
                       when 'failed' then state in ('sending', 'unknown', 'accepted') and provider = :carrier
                                          and coalesce(provider_ref = :ref, true)
                       when 'accepted' then state in ('pending', 'sending', 'unknown') end
    returning store_id, id, reservation_id, kind, channel
), told as (
    insert into event (store_id, id, type, reservation_id, notification_id, data, actor)
    select store_id, new_id(), 'notification.' || :state, reservation_id, id,
           jsonb_strip_nulls(jsonb_build_object('kind', kind, 'channel', channel, 'reason', :reason::text)), 'carrier'
      from moved
     where :state in ('delivered', 'failed')
)
select id from moved;

-- name: of_notification
-- What was reported about a message, in the order it was heard.
select provider, status, reason, received_at
  from receipt
 where store_id = :store and notification_id = :id
 order by received_at, status;
