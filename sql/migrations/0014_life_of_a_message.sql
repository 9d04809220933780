-- migrate:up

-- A carrier of messages, as all workers know it: one that fails often is left alone for a while.
create table carrier (
    channel      text collate "C" not null,
    name         text collate "C" not null,   -- as in the settings: twilio, ovh, smtp, …
    trouble      integer not null default 0,  -- grows with each failure, and shrinks, slower, with each success
    rests        integer not null default 0,  -- in a row: each is twice as long as the one before
    rested_until timestamptz,
    reason       text,                        -- of its last failure
    failed_at    timestamptz,
    primary key (channel, name),
    constraint trouble_is_counted_from_zero check (trouble >= 0 and rests >= 0)
) with (fillfactor = 50);

-- What a provider reported about a message; the same said twice is one line.
create table receipt (
    store_id        text collate "C" not null,
    notification_id uuid not null,
    provider        text collate "C" not null,
    status          text collate "C" not null, -- in the provider's word
    reason          text,                      -- its code, where it failed
    received_at     timestamptz not null default now(),
    primary key (store_id, notification_id, provider, status),
    foreign key (store_id, notification_id) references notification
);

-- How a message is found again: by its own id, by its provider's name for it, in doubt, or dead.
-- squawk-ignore require-concurrent-index-creation
create index notification_by_id on notification (id);
-- squawk-ignore require-concurrent-index-creation
create index notification_by_provider_ref on notification (provider, provider_ref) where provider_ref is not null;
-- squawk-ignore require-concurrent-index-creation
create index notification_in_doubt on notification (channel, next_attempt_at) where state = 'unknown' and next_attempt_at is not null;
-- squawk-ignore require-concurrent-index-creation
create index notification_dead on notification (id) where state in ('failed', 'unknown');

-- migrate:down
drop index notification_dead;
drop index notification_in_doubt;
drop index notification_by_provider_ref;
drop index notification_by_id;
drop table receipt;
drop table carrier;
