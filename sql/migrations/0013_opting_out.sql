-- migrate:up

-- Who wants no more messages on a channel. Not per store: a customer says STOP to the retailer.
create table opt_out (
    channel      text collate "C" not null,  -- email, sms
    address_hash bytea not null,             -- keyed: nobody reads from here whom it stands for
    reason       text not null,              -- stop, link, carrier
    opted_out_by text not null,              -- the carrier, page or key that said so
    opted_out_at timestamptz not null default now(),
    primary key (channel, address_hash)
);

-- migrate:down
drop table opt_out;
