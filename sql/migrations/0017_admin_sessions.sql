-- migrate:up

-- Somebody in the administration, by the key they gave: it ends with the key, when they leave, or after twelve hours.
create table admin_session (
    id          text collate "C" primary key,
    secret_hash bytea not null,
    key_id      text collate "C" not null references key,
    language    text not null,
    began_at    timestamptz not null default now(),
    ended_at    timestamptz,
    constraint admin_language_is_ours check (language in ('fr', 'en'))
);

-- migrate:down
drop table admin_session;
