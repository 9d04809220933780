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

-- name: put
-- Make an item, or replace all of it where its version is the expected one (null: any); the new version.
insert into item (sku, name, names, gtin, image_url, price, currency, preparation_minutes, shelf)
select :sku, :name, :names, :gtin, :image_url, :price, :currency, :preparation_minutes, :shelf
 where :expected::integer is null or exists (select from item where sku = :sku)
    on conflict (sku) do update
   set version = item.version + 1, updated_at = now(),
       name = excluded.name, names = excluded.names, gtin = excluded.gtin, image_url = excluded.image_url,
       price = excluded.price, currency = excluded.currency, preparation_minutes = excluded.preparation_minutes,
       shelf = excluded.shelf
 where :expected is null or item.version = :expected
returning version;

-- name: put_many
-- The same for many, in the order of their skus; those that are as they were stay untouched.
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
 where (item.name, item.names, item.gtin, item.image_url, item.price, item.currency, item.preparation_minutes, item.shelf)
       is distinct from
       (excluded.name, excluded.names, excluded.gtin, excluded.image_url, excluded.price, excluded.currency,
        excluded.preparation_minutes, excluded.shelf);
