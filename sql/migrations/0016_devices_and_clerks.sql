-- migrate:up

-- A counter's screen, paired with one store. Its secret is kept as a hash; so is the code that pairs it, while that counts.
-- Not per store: whoever knocks is recognised before it is known where they belong.
create table device (
    id            text collate "C" primary key,
    store_id      text collate "C" not null references store,
    name          text not null,
    language      text,                    -- null: as the shop speaks
    code_hash     bytea,
    code_until    timestamptz,
    secret_hash   bytea,
    created_by    text not null,
    created_at    timestamptz not null default now(),
    paired_at     timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz,
    constraint device_language_is_ours check (language in ('fr', 'en')),
    constraint device_waits_or_is_paired check ((code_hash is null) = (code_until is null) and (secret_hash is null) = (paired_at is null)),
    constraint pairing_code_opens_once check (code_hash is null or secret_hash is null)
);
create unique index device_pairing on device (code_hash) where code_hash is not null;

-- Who works at a counter. Those who left keep their row, so that the history still has their name.
create table clerk (
    store_id   text collate "C" not null references store,
    id         uuid not null,
    name       text not null,
    pin_hash   text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    left_at    timestamptz,
    primary key (store_id, id)
);

-- A clerk at a device, from their PIN until they leave, do nothing for a while, or have worked for half a day.
create table clerk_session (
    store_id    text collate "C" not null,
    id          text collate "C" not null,
    device_id   text collate "C" not null references device on delete cascade,
    clerk_id    uuid not null,
    secret_hash bytea not null,
    began_at    timestamptz not null default now(),
    active_at   timestamptz not null default now(),
    ended_at    timestamptz,
    primary key (store_id, id),
    foreign key (store_id, clerk_id) references clerk
);
create index clerk_session_open on clerk_session (store_id, clerk_id) where ended_at is null;

-- Failed attempts at what can be guessed: pickup codes, PINs, pairing codes; who tried, and when.
create table attempt (
    store_id  text collate "C" not null,   -- '' where none is known yet
    kind      text not null,
    subject   text collate "C" not null,   -- a credential, a clerk at a device, an address
    failed_at timestamptz[] not null,      -- the latest last
    primary key (store_id, kind, subject),
    constraint attempt_kind_is_known check (kind in ('pickup_code', 'pin', 'pairing_code'))
);

-- migrate:down
drop table attempt;
drop table clerk_session;
drop table clerk;
drop table device;
