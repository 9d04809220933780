-- migrate:up

-- One message to one person on one channel about one event.
create table notification (
    store_id        text collate "C" not null references store,
    id              uuid not null,
    event_seq       bigint not null,
    reservation_id  uuid not null,
    kind            text not null,            -- held, confirmed, ready, short, reminder, collected, cancelled, expired
    channel         text not null,            -- email, sms
    person          text not null default 'customer', -- or delegate
    address         text,                     -- empty once forgotten
    locale          text not null,
    state           text not null default 'pending',
    attempts        integer not null default 0,
    doubts          integer not null default 0, -- how often nobody knew whether it had gone out
    next_attempt_at timestamptz,              -- while pending, and while a doubt can still be cleared
    lease_until     timestamptz,              -- while sending
    begun_at        timestamptz,              -- while sending: handed to the carrier; from here on it may have gone out
    provider        text,
    provider_ref    text,                     -- the provider's name for it
    reason          text,                     -- why it failed, waits or was suppressed
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    primary key (store_id, id),
    foreign key (store_id, event_seq) references event,
    constraint message_is_sent_once unique (store_id, event_seq, channel, person),
    constraint notification_state_is_known check (state in ('pending', 'sending', 'accepted', 'delivered', 'unknown', 'failed', 'suppressed')),
    constraint notification_is_never_in_limbo check ((state <> 'pending' or next_attempt_at is not null) and (state <> 'sending' or lease_until is not null)),
    constraint doubt_is_never_forgotten check (doubts = 0 or state <> 'pending')
) with (fillfactor = 70);
create index notification_due on notification (channel, next_attempt_at) where state in ('pending', 'unknown');
create index notification_leased on notification (lease_until) where state = 'sending';
create index notification_of_reservation on notification (store_id, reservation_id);

-- What the `capture` carrier would have sent.
create table captured_message (
    id             bigint generated always as identity,
    store_id       text collate "C" not null,
    reservation_id uuid,
    message_ref    text not null,             -- Message-ID: the same when sent again after a doubt
    sendings       integer not null default 1, -- how often it was handed over; only the first counts
    channel        text not null,
    sender         text not null,
    recipient      text not null,
    locale         text not null,
    kind           text not null,
    subject        text,
    body_text      text not null,
    body_html      text,
    captured_at    timestamptz not null default now(),
    primary key (store_id, id),
    constraint message_is_captured_once unique (store_id, message_ref)
);
create index captured_newest on captured_message (id);

-- The worker processes and when each was last seen alive.
create table worker (
    id         uuid primary key,
    host       text not null,
    started_at timestamptz not null default now(),
    seen_at    timestamptz not null default now()
);

-- What an event says to whoever may know: ids, state, version, order reference; nothing personal and no free text.
create function event_data(e event) returns json stable language sql
return (
    select json_strip_nulls(json_build_object(
               'id', e.reservation_id, 'version', e.version,
               'state', coalesce(e.target, (select t.target from event t
                                             where t.store_id = e.store_id and t.reservation_id = e.reservation_id
                                               and t.version is not null and t.target is not null and t.seq <= e.seq
                                             order by t.version desc limit 1)),
               'order_ref', (select r.order_ref from reservation r where r.store_id = e.store_id and r.id = e.reservation_id),
               'sku', e.sku,
               'on_hand', case when e.sku is not null then e.data -> 'on_hand' end,
               'reserved', case when e.sku is not null then e.data -> 'reserved' end,
               'shortfall', case when e.sku is not null then e.data -> 'shortfall' end,
               'notification', e.notification_id,
               'kind', case when e.type like 'notification.%' then e.data -> 'kind' end,
               'channel', case when e.type like 'notification.%' then e.data -> 'channel' end,
               'endpoint', case when e.type like 'webhook.%' then e.data -> 'endpoint' end,
               'reason', case when e.type like 'webhook.%' then e.data -> 'reason' end)));

-- migrate:down
drop function event_data;
drop table worker;
drop table captured_message;
drop table notification;
