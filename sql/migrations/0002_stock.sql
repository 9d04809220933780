-- migrate:up

-- One store × one sku. Available is max(0, on_hand - reserved - safety_stock), never stored.
-- No index but the key and half-empty pages: every change of a position stays on its page (HOT).
create table position (
    store_id     text collate "C" not null references store,
    sku          text collate "C" not null references item,
    on_hand      integer not null default 0, -- on the premises, the pickup shelf included; below zero on paper
    reserved     integer not null default 0, -- what reservations claim
    safety_stock integer not null default 0, -- never promised
    shortfall    integer not null default 0, -- claimed but missing; only reality raises it
    as_of        timestamptz,                -- the moment of the last count
    counted_at   timestamptz,                -- when that count reached us: a clock that runs ahead can't count what has yet to happen
    version      integer not null default 1,
    primary key (store_id, sku),
    constraint never_oversold check (reserved between 0 and greatest(on_hand, 0) + shortfall),
    constraint shortfall_is_not_negative check (shortfall >= 0),
    constraint safety_stock_is_not_negative check (safety_stock >= 0)
) with (fillfactor = 50);

-- The stock ledger. A position is the sum of its movements, at every commit.
-- No foreign keys: each line is written by the statement that changes its position, and `check` proves both.
create table movement (
    store_id        text collate "C" not null,
    sku             text collate "C" not null,
    id              bigint generated always as identity,
    on_hand_change  integer not null,
    reserved_change integer not null,
    stated_change   integer,     -- what the source said, where the ledger already knew better
    reason          text not null,
    reservation_id  uuid,
    reference       text,        -- the source's own name for this movement, unique with the sku
    order_ref       text,
    actor           text not null,
    happened_at     timestamptz not null,
    recorded_at     timestamptz not null default now(),
    primary key (store_id, sku, id)
);
create unique index movement_is_recorded_once on movement (store_id, reference, sku) where reference is not null;
create index movement_since_count on movement (store_id, sku, happened_at) where on_hand_change <> 0;
create index movement_of_order on movement (store_id, order_ref, sku) where order_ref is not null;

create function refuse_change_of_history() returns trigger language plpgsql as $$
begin
    raise exception 'lines of % are never changed or deleted', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger movement_is_immutable before update or delete on movement
    for each statement execute function refuse_change_of_history();

-- A file of stock or items taken in: where it stands, and what was wrong with which line.
create table import (
    id           uuid primary key,
    kind         text not null,                   -- stock, items
    mode         text,                            -- absolute, delta, snapshot
    dry_run      boolean not null default false,
    state        text not null default 'running',
    attempt      integer not null default 1,      -- who was taken for dead and is not after all writes no more
    lines        integer not null default 0,      -- read: applied, passed over or failed
    applied      integer not null default 0,
    passed_over  integer not null default 0,      -- said nothing new: an older count, a movement recorded before
    zeroed       integer not null default 0,      -- positions that a snapshot did not name
    failed       integer not null default 0,
    errors       jsonb not null default '[]',     -- the first thousand: [{line, code, detail}]
    reason       text,                            -- why it failed as a whole
    actor        text collate "C" not null,
    key          text collate "C",                -- its Idempotency-Key; null: from the command line
    fingerprint  bytea,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(), -- its last sign of life
    finished_at  timestamptz,
    constraint import_kind_is_known check (kind in ('stock', 'items')),
    constraint import_state_is_known check (state in ('running', 'done', 'failed')),
    constraint import_is_found_by_its_key unique (actor, kind, key)
);

-- The skus a running snapshot has named so far; what it leaves out is zeroed when it has been read to its end.
create table import_line (
    import_id uuid not null references import on delete cascade,
    store_id  text collate "C" not null,
    sku       text collate "C" not null,
    primary key (import_id, store_id, sku)
);

-- migrate:down
drop table import_line;
drop table import;
drop table movement;
drop function refuse_change_of_history;
drop table position;
