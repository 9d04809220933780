-- migrate:up

-- A window in which a store hands over at most `capacity` orders; made on first use.
create table slot (
    store_id  text collate "C" not null references store,
    starts_at timestamptz not null,
    capacity  integer not null,
    taken     integer not null default 0,
    primary key (store_id, starts_at),
    constraint slot_is_not_overbooked check (taken between 0 and capacity)
) with (fillfactor = 50);

-- One customer's claim on items of one store.
create table reservation (
    store_id        text collate "C" not null references store,
    id              uuid not null,
    version         integer not null default 1,
    state           text not null,
    order_ref       text not null,
    channel         text not null,
    replaces        uuid,           -- the reservation elsewhere that this one stands in for

    customer_name   text,           -- empty once forgotten
    email           text,
    phone           text,
    locale          text not null,
    customer_ref    text,
    company         text,
    delegate_name   text,
    delegate_phone  text,
    note            text,

    currency        text,
    pay_in_store    boolean not null default false,
    paid            boolean not null default false,
    payment_ref     text,
    if_short        text not null default 'take',

    pickup_code     text collate "C", -- forgotten 30 days after the end
    token           text collate "C", -- the customer's link; see service/codes.py
    slot_starts_at  timestamptz,

    hold_expires_at timestamptz,    -- the first clock
    ready_by        timestamptz,    -- the promise: an estimate until confirmed
    collect_by      timestamptz,    -- the second clock
    answer_by       timestamptz,    -- while the customer is asked what to do about a short line
    extended        boolean not null default false,
    shelf           text,
    bags            integer,
    checked_by      text,           -- how the collector was recognised

    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    confirmed_at    timestamptz,
    ready_at        timestamptz,
    arrived_at      timestamptz,
    collected_at    timestamptz,
    ended_at        timestamptz,    -- when it left the shop's hands for good
    put_back_at     timestamptz,    -- when uncollected goods went back to their shelves
    reminded_at     timestamptz,

    -- what the queues and the clocks look for: the moment at which something is due
    due_at timestamptz generated always as (
        case state when 'held' then hold_expires_at
                   when 'confirmed' then ready_by
                   when 'picking' then ready_by
                   when 'ready' then collect_by end) stored,

    primary key (store_id, id),
    constraint state_is_known check (state in ('held', 'confirmed', 'picking', 'ready', 'collected', 'returned', 'cancelled', 'expired', 'uncollected')),
    constraint hold_has_an_end check (state <> 'held' or hold_expires_at is not null),
    constraint if_short_is_known check (if_short in ('take', 'cancel', 'ask'))
) with (fillfactor = 70);
create unique index pickup_code_opens_one_reservation on reservation (store_id, pickup_code) where pickup_code is not null;
create unique index order_has_one_standing_reservation on reservation (store_id, order_ref) where state not in ('cancelled', 'expired', 'uncollected');
create index reservation_by_order on reservation (order_ref, store_id);
create index reservation_open on reservation (store_id, state, due_at) where state in ('held', 'confirmed', 'picking', 'ready');
create index reservation_by_customer on reservation (customer_ref, store_id) where customer_ref is not null;

create table reservation_line (
    store_id       text collate "C" not null,
    reservation_id uuid not null,
    sku            text collate "C" not null,
    name           text not null,             -- name and price as they were at order time
    asked          integer not null,
    quantity       integer not null,          -- taken by the hold
    short          integer not null default 0, -- given up at picking
    collected      integer not null default 0,
    refused        integer not null default 0,
    returned       integer not null default 0,
    unit_price     bigint,                    -- minor units; or
    total          bigint,                    -- the price of all that was asked
    primary key (store_id, reservation_id, sku),
    foreign key (store_id, reservation_id) references reservation,
    constraint line_takes_what_was_asked_at_most check (asked > 0 and quantity between 0 and asked),
    constraint line_adds_up check (short >= 0 and collected >= 0 and refused >= 0 and short + collected + refused <= quantity),
    constraint returned_was_collected check (returned between 0 and collected)
) with (fillfactor = 70);

-- What happened. The row is the obligation to tell; the relay gives it a position in its store's stream after commit.
create table event (
    store_id       text collate "C" not null references store,
    seq            bigint generated always as identity, -- taken under the lock of its subject: orders those of one reservation
    id             uuid not null,
    position       bigint,
    type           text not null,
    reservation_id uuid,
    version        integer,          -- of the reservation, after it
    action         text,             -- the step that was taken, from where, to where
    source         text,
    target         text,
    sku            text collate "C",
    notification_id uuid,
    data           jsonb,
    actor          text not null,
    at             timestamptz not null default now(),
    happened_at    timestamptz not null default now(), -- differs for what a device did offline
    primary key (store_id, seq),
    -- The steps of service/lifecycle.py, and no others: what cannot be recorded cannot happen.
    constraint step_is_lawful check (action is null or action || ' ' || coalesce(source, '') || ' ' || target in (
        'hold  held', 'confirm held confirmed', 'confirm expired confirmed',
        'pick confirmed picking', 'shelve picking ready', 'unshelve ready picking',
        'collect ready collected', 'collect uncollected collected', 'undo collected ready',
        'return collected returned', 'return collected collected', 'cancel held cancelled',
        'cancel confirmed cancelled', 'cancel picking cancelled', 'cancel ready cancelled',
        'expire held expired', 'lapse ready uncollected'))
);
create unique index event_is_next_version on event (store_id, reservation_id, version) where version is not null;
create index event_unrelayed on event (store_id, seq) where position is null;
create unique index event_stream on event (store_id, position) where position is not null;

-- The end of each store's stream: locked by the relay that appends to it.
create table stream (
    store_id text collate "C" primary key references store,
    position bigint not null default 0
) with (fillfactor = 50);

-- migrate:down
drop table stream;
drop table event;
drop table reservation_line;
drop table reservation;
drop table slot;
