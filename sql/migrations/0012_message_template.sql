-- migrate:up

-- The shop's own words, instead of ours; not per store. What was checked when it came is checked here no more.
create table message_template (
    kind        text collate "C" not null,
    channel     text collate "C" not null,
    locale      text collate "C" not null,    -- a language that there are words in
    version     integer not null default 1,
    parts       jsonb not null,               -- subject, text and html of an e-mail, text and delegate_text of an sms
    failures    integer not null default 0,   -- how often it could not be filled, and ours went out; since it was written
    failed_at   timestamptz,
    failure     text,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    primary key (kind, channel, locale)
);

-- Added by the migration before, and looked at in one of its own, so that nobody waits.
-- rolling: code before it leaves these columns empty, and empty ones are never refused
alter table notification validate constraint fallback_is_another_channel;
alter table notification validate constraint quiet_hours_have_two_ends;

-- migrate:down
alter table notification
    drop constraint quiet_hours_have_two_ends,
    drop constraint fallback_is_another_channel,
    add constraint fallback_is_another_channel check (fallback <> channel) not valid,
    add constraint quiet_hours_have_two_ends check ((quiet_from is null) = (quiet_to is null)) not valid;
drop table message_template;
