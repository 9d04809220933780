-- migrate:up

-- More of what a message was told when it became owed, and of what it has been through.
alter table notification
    add column too_late_at         timestamptz,   -- waiting for the morning may not bring it here
    add column fallback_quiet_from time,          -- the quiet hours of the channel that takes over …
    add column fallback_quiet_to   time,          -- … are not those of this one
    add column doubted_since       timestamptz,   -- when it was first handed over, of all the times that are in doubt
    add column revivals            integer not null default 0;  -- how often it was sent again by hand: each is a sending of its own

-- migrate:down
alter table notification
    drop column revivals,
    drop column doubted_since,
    drop column fallback_quiet_to,
    drop column fallback_quiet_from,
    drop column too_late_at;
