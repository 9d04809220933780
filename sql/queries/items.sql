-- name: find
-- An item as it stands.
select sku, version, name, names, gtin, image_url, price, currency, preparation_minutes, shelf, created_at, updated_at
  from item
 where sku = :sku;

-- name: unknown
-- Those of the skus that are not in the catalogue.
select a.sku
  from unnest(:skus::text[]) with ordinality a(sku, place)
 where not exists (select from item i where i.sku = a.sku)
 order by a.place;

-- name: lock
-- An item as it stands; nobody else changes it until the end.
select version, name, names, gtin, image_url, price, currency, preparation_minutes, shelf
  from item
 where sku = :sku
   for no key update;

-- name: make
-- Make an item, where there is none yet.
insert into item (sku, name, names, gtin, image_url, price, currency, preparation_minutes, shelf)
values (:sku, :name, :names, :gtin, :image_url, :price, :currency, :preparation_minutes, :shelf)
    on conflict do nothing;

-- name: replace
-- All of an item; run under the lock.
update item
   set version = version + 1, updated_at = now(),
       name = :name, names = :names, gtin = :gtin, image_url = :image_url, price = :price, currency = :currency,
       preparation_minutes = :preparation_minutes, shelf = :shelf
 where sku = :sku;

-- name: put_many
-- Make or replace many items, in the order of their skus; those that are as they were stay untouched, and with `only_new`
-- all that are there.
insert into item (sku, name, names, gtin, image_url, price, currency, preparation_minutes, shelf)
select i.sku, i.name, i.names, i.gtin, i.image_url, i.price, i.currency, i.preparation_minutes, i.shelf
  from jsonb_to_recordset(:items::jsonb) i(sku text, name text, names jsonb, gtin text, image_url text, price bigint,
                                           currency text, preparation_minutes integer, shelf jsonb)
 order by i.sku collate "C"
    on conflict (sku) do update
   set version = item.version + 1, updated_at = now(),
       name = excluded.name, names = excluded.names, gtin = excluded.gtin, image_url = excluded.image_url,
       price = excluded.price, currency = excluded.currency, preparation_minutes = excluded.preparation_minutes,
       shelf = excluded.shelf
 where not :only_new::boolean
   and (item.name, item.names, item.gtin, item.image_url, item.price, item.currency, item.preparation_minutes, item.shelf)
       is distinct from
       (excluded.name, excluded.names, excluded.gtin, excluded.image_url, excluded.price, excluded.currency,
        excluded.preparation_minutes, excluded.shelf);

-- name: differing
-- Those of the items that are not as they are here.
select i.sku
  from jsonb_to_recordset(:items::jsonb) i(sku text, name text, names jsonb, gtin text, image_url text, price bigint,
                                           currency text, preparation_minutes integer, shelf jsonb)
  join item k on k.sku = i.sku
 where (k.name, k.names, k.gtin, k.image_url, k.price, k.currency, k.preparation_minutes, k.shelf)
       is distinct from
       (i.name, i.names, i.gtin, i.image_url, i.price, i.currency, i.preparation_minutes, i.shelf);
