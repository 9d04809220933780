-- migrate:up

-- A place where customers collect: the unit of consistency, of authority and of scale.
create table store (
    id                  text collate "C" primary key,
    number              integer generated always as identity (maxvalue 279840) unique, -- 23^4 - 1: four symbols of a token
    version             integer not null default 1,
    name                text not null,
    time_zone           text not null,
    address             jsonb,
    latitude            double precision,
    longitude           double precision,
    phone               text,
    gln                 text,
    opening_hours       jsonb not null default '[]', -- [{days, opens, closes}]; none at all: always open
    exceptional_days    jsonb not null default '[]', -- [{date, opens?, closes?}]; no hours: closed
    public_holidays     text,                        -- 'FR', 'FR-57': closed on these
    preparation_minutes integer not null default 120,
    parallel_orders     integer not null default 1,
    cut_off             text,                        -- 'HH:MM', store time
    slots               jsonb,                       -- {minutes, capacity}
    hold_seconds        integer not null default 900,
    collect_days        integer not null default 3,
    instructions        jsonb,                       -- {fr?, en?}
    active              boolean not null default true,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    constraint store_id_is_short check (length(id) between 1 and 64),
    constraint preparation_is_not_negative check (preparation_minutes >= 0),
    constraint parallel_orders_is_positive check (parallel_orders > 0)
);

-- Something sold. Not per store: on a database spread by store it is copied everywhere.
create table item (
    sku                 text collate "C" primary key,
    version             integer not null default 1,
    name                text not null,
    names               jsonb,   -- {fr?, en?}
    gtin                text,
    image_url           text,
    price               bigint,  -- minor units
    currency            text,
    preparation_minutes integer,
    shelf               jsonb,   -- {store: place}
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    constraint sku_is_short check (length(sku) between 1 and 64)
);
create index item_by_gtin on item (gtin) where gtin is not null;

-- Kilometres between two places on the globe (haversine); null where one is not known. Not strict, so that it is inlined.
create function distance_km(latitude1 double precision, longitude1 double precision,
                            latitude2 double precision, longitude2 double precision)
returns double precision immutable parallel safe language sql
return case when latitude1 + longitude1 + latitude2 + longitude2 is not null then
    2 * 6371.0088 * asin(least(1, sqrt(
        sin(radians(latitude2 - latitude1) / 2) ^ 2
        + cos(radians(latitude1)) * cos(radians(latitude2)) * sin(radians(longitude2 - longitude1) / 2) ^ 2))) end;

-- migrate:down
drop function distance_km;
drop table item;
drop table store;
