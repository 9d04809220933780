-- migrate:up

-- How a store's board is shown, and which of its links opens it; a store without a row has names, and its first link.
create table board (
    store_id text collate "C" primary key references store,
    names    boolean not null,
    edition  integer not null default 1  -- part of what signs the link: the next one closes those before it
);

-- migrate:down
drop table board;
