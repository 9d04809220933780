-- name: lines
-- What stores have of some skus, due holds counted as free: the stores in their order, or the complete ones first.
-- Per store and sku one look into the key of position; reservations are looked at only where something is reserved.
select c.store_id, l.available, l.complete
  from unnest(:stores::text[]) with ordinality c(store_id, place)
 cross join lateral (
    select array_agg(n.available order by a.place) as available, bool_and(n.available >= a.quantity) as complete
      from unnest(:skus::text[], :quantities::integer[]) with ordinality a(sku, quantity, place)
      left join lateral (select on_hand, reserved, safety_stock from position
                          where store_id = c.store_id and sku = a.sku limit 1) p on true
      left join lateral (select sum(l.quantity - l.short - l.collected - l.refused)::integer as units
                           from reservation r
                           join reservation_line l on l.store_id = r.store_id and l.reservation_id = r.id and l.sku = a.sku
                          where p.reserved > 0 and r.store_id = c.store_id and r.state = 'held' and r.due_at <= now()) due on true
     cross join lateral (select greatest(0, coalesce(p.on_hand - p.reserved + coalesce(due.units, 0) - p.safety_stock, 0))) n(available)
 ) l
 order by case when :complete_first then not l.complete end, c.place
 limit :most;
