-- migrate:up

-- Where a merchant's system hears what happens; not per store, so that one address may hear of many.
create table webhook_endpoint (
    id               uuid primary key,
    version          integer not null default 1,
    url              text not null,
    description      text not null default '',
    events           text[] not null default '{}', -- the types it hears of; empty: all
    stores           text[],                       -- null: every store
    active           boolean not null default true,
    secret           text not null,                -- signs every request: it must be readable here, and is told once
    old_secret       text,                         -- signs beside it while the receiver changes over
    old_secret_until timestamptz,
    failing_since    timestamptz,                  -- the first failure after the last success
    rest_until       timestamptz,                  -- it asked to be left alone (Retry-After)
    disabled_at      timestamptz,                  -- switched off by us
    disabled_reason  text,                         -- gone, failing
    created_by       text not null,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    deleted_at       timestamptz,                  -- its deliveries are forgotten in small batches, then the row
    constraint old_secret_has_an_end check ((old_secret is null) = (old_secret_until is null)),
    constraint what_is_deleted_is_off check (deleted_at is null or not active)
) with (fillfactor = 50);

-- One webhook to one endpoint about one event.
create table delivery (
    store_id        text collate "C" not null,    -- '' for a ping, which is about no store
    id              uuid not null,
    endpoint_id     uuid not null references webhook_endpoint,
    event_seq       bigint,                       -- null for a ping
    message_id      uuid not null,                -- webhook-id: the event's id, the same at every attempt
    type            text not null,
    subject         text collate "C" not null,    -- what it is about: those of one subject go one after the other
    body            text not null,                -- the bytes that are sent, at every attempt the same
    state           text not null default 'pending',
    attempts        integer not null default 0,   -- that came to an end; those of the replay before are not counted
    next_attempt_at timestamptz default now(),    -- while pending
    lease_until     timestamptz,                  -- while sending; also names the attempt, whose word counts while it stands
    last_status     smallint,
    reason          text,                         -- why the last attempt failed
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    delivered_at    timestamptz,
    primary key (store_id, id),
    foreign key (store_id, event_seq) references event,
    constraint delivery_is_owed_once unique (store_id, event_seq, endpoint_id),
    constraint delivery_state_is_known check (state in ('pending', 'sending', 'delivered', 'dead')),
    constraint delivery_is_never_in_limbo check ((state <> 'pending' or next_attempt_at is not null) and (state <> 'sending' or lease_until is not null))
) with (fillfactor = 70);
create index delivery_due on delivery (endpoint_id, next_attempt_at) where state = 'pending';
create index delivery_in_line on delivery (endpoint_id, store_id, subject, event_seq) where state in ('pending', 'sending');
create index delivery_leased on delivery (lease_until) where state = 'sending';
create index delivery_by_state on delivery (endpoint_id, state, id);
create index delivery_by_age on delivery using brin (created_at);

-- What a webhook says of an event: what GET /v1/events says, in the shape of Standard Webhooks.
create function webhook_body(e event) returns text stable language sql
return json_build_object(
           'type', e.type, 'timestamp', rfc3339(e.at),
           'data', event_data(e)::jsonb || jsonb_build_object('store', e.store_id, 'position', e.position))::text;

-- migrate:down
drop function webhook_body;
drop table delivery;
drop table webhook_endpoint;
