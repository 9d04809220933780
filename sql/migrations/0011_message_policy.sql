-- migrate:up

-- What is told when and how: of the whole deployment (''), and of the stores that want it otherwise.
create table message_policy (
    store_id   text collate "C" primary key,
    version    integer not null default 1,
    policy     jsonb not null,                -- only what is said here; the rest is as one level up
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- What a message was told by its policy, once and for all when it became owed.
alter table notification
    add column fallback   text,               -- the channel that takes over when this one fails for good
    add column quiet_from time,               -- from here …
    add column quiet_to   time,               -- … to here, by the store's clock, it does not go out
    add constraint fallback_is_another_channel check (fallback <> channel) not valid,
    add constraint quiet_hours_have_two_ends check ((quiet_from is null) = (quiet_to is null)) not valid;

-- The first moment from this one on that is not in quiet hours, which may run past midnight. Without hours: the moment.
create function decent(moment timestamptz, zone text, quiet_from time, quiet_to time) returns timestamptz stable language sql
return (
    select case when quiet_from is null or quiet_from = quiet_to then moment
                when quiet_from < quiet_to and clock >= quiet_from and clock < quiet_to then greatest(moment, (day + quiet_to) at time zone zone)
                when quiet_from > quiet_to and clock >= quiet_from then greatest(moment, (day + 1 + quiet_to) at time zone zone)
                when quiet_from > quiet_to and clock < quiet_to then greatest(moment, (day + quiet_to) at time zone zone)
                else moment end
      from (select (moment at time zone zone)::time as clock, (moment at time zone zone)::date as day) there);

-- migrate:down
drop function decent;
alter table notification
    drop constraint quiet_hours_have_two_ends,
    drop constraint fallback_is_another_channel,
    drop column quiet_to,
    drop column quiet_from,
    drop column fallback;
drop table message_policy;
