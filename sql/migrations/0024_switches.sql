-- migrate:up

-- What the demo switches off: a carrier of captured messages that takes nothing on a channel, as one that is away.
create table captured_switch (
    carrier text not null,
    channel text not null,
    off_at  timestamptz not null default now(),
    primary key (carrier, channel)
);
alter table captured_message add column carrier text not null default 'capture';

-- migrate:down
alter table captured_message drop column carrier;
drop table captured_switch;
