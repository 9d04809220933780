-- name: work
-- For each ask, in their order: how many orders its store has yet to prepare, and the longest preparation in its basket.
with work as (
    select s.store_id,
           (select count(*) from reservation r where r.store_id = s.store_id and r.state in ('confirmed', 'picking'))::integer as orders
      from (select distinct store_id from unnest(:stores::text[]) a(store_id)) s
), longest as (
    select b.basket, max(i.preparation_minutes) as minutes
      from unnest(:numbers::integer[], :skus::text[]) b(basket, sku)
      join item i on i.sku = b.sku
     group by b.basket
)
select now() as now, w.orders, coalesce(l.minutes, 0) as minutes
  from unnest(:stores::text[], :baskets::integer[]) with ordinality a(store_id, basket, place)
  join work w on w.store_id = a.store_id
  left join longest l on l.basket = a.basket
 order by a.place;

-- name: orders
-- How many orders each of these stores has yet to prepare, and the time.
select s.store_id, now() as now,
       (select count(*) from reservation r where r.store_id = s.store_id and r.state in ('confirmed', 'picking'))::integer as orders
  from unnest(:stores::text[]) s(store_id);

-- name: preparation
-- The minutes that items take, where they say so.
select i.sku, i.preparation_minutes as minutes
  from item i
 where i.sku = any (:skus::text[]) and i.preparation_minutes is not null;
