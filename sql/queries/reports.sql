-- name: day
-- One day of some stores in figures, each in its own zone; null: today. Looks at what was ordered up to sixty days before.
select store.id as store, store.name, d.date, f.confirmed, f.made_ready, f.collected, f.cancelled, f.uncollected,
       f.ready_median, f.ready_ninth, f.kept, f.missed, f.overdue, f.waited, f.waited_median, f.waited_ninth,
       l.short_orders, l.short_units, l.units
  from store
  cross join lateral (select coalesce(:date::date, (now() at time zone store.time_zone)::date) as date) d
  cross join lateral (select d.date::timestamp at time zone store.time_zone as starts,
                             (d.date + 1)::timestamp at time zone store.time_zone as ends) w
  cross join lateral (select (lpad(to_hex(greatest(0, extract(epoch from w.starts - interval '60 days') * 1000)::bigint), 12, '0')
                              || repeat('0', 20))::uuid as id) first
  cross join lateral (
      select count(*) filter (where confirmed_at >= w.starts and confirmed_at < w.ends)::integer as confirmed,
             count(*) filter (where ready_today)::integer as made_ready,
             count(*) filter (where collected_today)::integer as collected,
             count(*) filter (where state = 'cancelled' and ended_at >= w.starts and ended_at < w.ends)::integer as cancelled,
             count(*) filter (where state = 'uncollected' and ended_at >= w.starts and ended_at < w.ends)::integer as uncollected,
             percentile_cont(0.5) within group (order by extract(epoch from ready_at - confirmed_at)) filter (where ready_today) as ready_median,
             percentile_cont(0.9) within group (order by extract(epoch from ready_at - confirmed_at)) filter (where ready_today) as ready_ninth,
             count(*) filter (where ready_today and ready_at <= ready_by)::integer as kept,
             count(*) filter (where ready_today and ready_at > ready_by)::integer as missed,
             count(*) filter (where state in ('confirmed', 'picking') and ready_by >= w.starts and ready_by < least(w.ends, now()))::integer as overdue,
             count(*) filter (where waited_today)::integer as waited,
             percentile_cont(0.5) within group (order by extract(epoch from collected_at - arrived_at)) filter (where waited_today) as waited_median,
             percentile_cont(0.9) within group (order by extract(epoch from collected_at - arrived_at)) filter (where waited_today) as waited_ninth
        from reservation r
        cross join lateral (
            select r.ready_at >= w.starts and r.ready_at < w.ends and r.confirmed_at is not null as ready_today,
                   r.collected_at >= w.starts and r.collected_at < w.ends as collected_today,
                   r.collected_at >= w.starts and r.collected_at < w.ends and r.arrived_at <= r.collected_at as waited_today) t
       where r.store_id = store.id and r.id >= first.id) f
  cross join lateral (
      select count(distinct r.id) filter (where line.short > 0)::integer as short_orders,
             coalesce(sum(line.short), 0)::integer as short_units, coalesce(sum(line.quantity), 0)::integer as units
        from reservation r
        join reservation_line line on line.store_id = r.store_id and line.reservation_id = r.id
       where r.store_id = store.id and r.id >= first.id
         and (r.ready_at >= w.starts and r.ready_at < w.ends
              or r.state = 'cancelled' and line.short > 0 and r.ended_at >= w.starts and r.ended_at < w.ends)) l
 where case when :stores::text[] is null then store.active else store.id = any (:stores) end
 order by store.id;

-- name: hours
-- A store's day by the hour of its clocks: what was ordered, made ready and handed over in each.
select hour, count(*) filter (where what = 'confirmed')::integer as confirmed,
       count(*) filter (where what = 'ready')::integer as made_ready,
       count(*) filter (where what = 'collected')::integer as collected
  from (select t.what, extract(hour from t.at at time zone store.time_zone)::integer as hour
          from store
          join reservation r on r.store_id = store.id
          cross join lateral (values ('confirmed', r.confirmed_at), ('ready', r.ready_at), ('collected', r.collected_at)) t(what, at)
         where store.id = :store
           and r.id >= (lpad(to_hex(greatest(0, extract(epoch from :date::date::timestamp - interval '60 days') * 1000)::bigint), 12, '0')
                        || repeat('0', 20))::uuid
           and (t.at at time zone store.time_zone)::date = :date) happened
 group by hour
 order by hour;

-- name: days
-- A store's last fortnight up to a date: how many orders were made ready on each day, and how many of them in time.
select (r.ready_at at time zone store.time_zone)::date as date, count(*)::integer as made_ready,
       count(*) filter (where r.ready_at <= r.ready_by)::integer as kept,
       percentile_cont(0.5) within group (order by extract(epoch from r.ready_at - r.confirmed_at)) as ready_median
  from store
  join reservation r on r.store_id = store.id
 where store.id = :store and r.ready_at is not null and r.confirmed_at is not null
   and r.id >= (lpad(to_hex(greatest(0, extract(epoch from :date::date::timestamp - interval '74 days') * 1000)::bigint), 12, '0')
                || repeat('0', 20))::uuid
   and (r.ready_at at time zone store.time_zone)::date between :date::date - 13 and :date::date
 group by 1
 order by 1;
