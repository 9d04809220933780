-- migrate:up

-- What a provider called to say, as it came, until a worker has read it. Not per store: whom it concerns is in it.
create table callback (
    provider    text collate "C" not null,
    event_id    text collate "C" not null,   -- the provider's own, or what tells this report from others
    query       text not null default '',
    body        text,                        -- as it came; empty once understood
    received_at timestamptz not null default now(),
    look_at     timestamptz default now(),   -- while it waits: its message may not be known here yet
    outcome     text,                        -- what it was: a receipt, a reply, …, or why it was nothing
    primary key (provider, event_id),
    constraint callback_waits_or_has_an_outcome check ((look_at is null) = (outcome is not null))
) with (fillfactor = 70);
create index callback_waits on callback (look_at) where look_at is not null;
create index callback_by_age on callback using brin (received_at);

-- What a customer wrote back, for the store of their newest order.
create table reply (
    store_id       text collate "C" not null,
    id             uuid not null,
    reservation_id uuid not null,
    channel        text not null,
    body           text,                     -- sealed; empty once forgotten
    stop           boolean not null default false, -- they want no more messages on this channel
    received_at    timestamptz not null default now(),
    primary key (store_id, id),
    foreign key (store_id, reservation_id) references reservation
);
create index reply_of_reservation on reply (store_id, reservation_id, id);

-- Whose phone it is that a reply comes from: one that we wrote to.
-- squawk-ignore require-concurrent-index-creation
create index notification_by_phone on notification (address) where channel = 'sms' and address is not null;

-- migrate:down
drop index notification_by_phone;
drop table reply;
drop table callback;
