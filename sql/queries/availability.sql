-- name: nearest
-- What the nearest stores (by id where no place is given) among those asked (null: all) have of some skus, due holds
-- counted as free; where `complete_first`, those that have everything come first, wherever they are.
-- Per store and sku one look into the key of position; reservations are looked at only where something is reserved.
select c.id as store_id, c.distance_km, l.available, l.complete
  from (select s.id, d.distance_km
          from store s
         cross join lateral (select distance_km(:latitude, :longitude, s.latitude, s.longitude) as distance_km) d
         where s.active
           and (:among::text[] is null or s.id = any (:among))
           and (:radius_km::double precision is null or d.distance_km <= :radius_km)
         order by coalesce(d.distance_km, 'infinity'), s.id
         limit case when :complete_first::boolean then null else :most::bigint end) c
 cross join lateral (
    select array_agg(n.available order by a.place) as available, bool_and(n.available >= a.quantity) as complete
      from unnest(:skus::text[], :quantities::integer[]) with ordinality a(sku, quantity, place)
      left join lateral (select on_hand, reserved, safety_stock from position
                          where store_id = c.id and sku = a.sku limit 1) p on true
      left join lateral (select sum(l.quantity - l.short - l.collected - l.refused)::integer as units
                           from reservation r
                           join reservation_line l on l.store_id = r.store_id and l.reservation_id = r.id and l.sku = a.sku
                          where p.reserved > 0 and r.store_id = c.id and r.state = 'held' and r.due_at <= now()) due on true
     cross join lateral (select greatest(0, coalesce(p.on_hand - p.reserved + coalesce(due.units, 0) - p.safety_stock, 0))) n(available)
 ) l
 order by case when :complete_first then not l.complete end, coalesce(c.distance_km, 'infinity'), c.id
 limit :most;
