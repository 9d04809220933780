-- migrate:up

-- Since when a message should have gone out, however often it was tried since, and how firmly the night holds it.
alter table notification
    add column due_at timestamptz,                  -- at first, or from the morning that it waited for
    add column quiet  boolean not null default true; -- false: quiet hours hold it only once it has been due for a while

-- What was tried and is not done, the longest due first; few at a time.
-- squawk-ignore require-concurrent-index-creation
create index notification_tried on notification (due_at) where attempts > 0 and state in ('pending', 'sending');

-- migrate:down
drop index notification_tried;
alter table notification
    drop column quiet,
    drop column due_at;
