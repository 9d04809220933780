-- migrate:up

-- Who may call. The secret is kept as a hash and shown once.
create table key (
    id           text collate "C" primary key,
    secret_hash  bytea not null,
    name         text not null,
    scopes       text[] not null,
    stores       text[],            -- null: every store
    created_at   timestamptz not null default now(),
    revoked_at   timestamptz,
    last_used_at timestamptz,
    constraint key_has_scopes check (cardinality(scopes) > 0)
);

-- The first answer to each Idempotency-Key, written in the transaction of its effect.
create table idempotency (
    store_id    text collate "C" not null,   -- '' where the request names no store
    credential  text collate "C" not null,
    operation   text collate "C" not null,   -- method and path
    key         text collate "C" not null,
    fingerprint bytea not null,
    status      smallint not null,
    body        text not null,
    created_at  timestamptz not null default now(),
    primary key (store_id, credential, operation, key)
);
create index idempotency_by_age on idempotency using brin (created_at);

-- migrate:down
drop table idempotency;
drop table key;
