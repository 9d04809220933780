-- name: read
-- Stores by id, in no order, whether active or not.
select id, number, version, name, time_zone, address, latitude, longitude, phone, gln, opening_hours, exceptional_days,
       public_holidays, preparation_minutes, parallel_orders, cut_off, slots, hold_seconds, collect_days, instructions,
       active, created_at, updated_at
  from store
 where id = any (:ids::text[]);

-- name: nearest
-- The ids of stores among those asked (null: all), nearest first and those without coordinates last; by id where
-- no place is given. `after` is the store that ended the page before.
with found as (
    select s.id, distance_km(:latitude, :longitude, s.latitude, s.longitude) as distance_km
      from store s
     where (:among::text[] is null or s.id = any (:among))
       and (s.active or :inactive)
)
select f.id, f.distance_km
  from found f
 where (:radius_km::double precision is null or f.distance_km <= :radius_km)
   and (:after::text is null or (coalesce(f.distance_km, 'infinity'), f.id) >
        (select coalesce(distance_km(:latitude, :longitude, a.latitude, a.longitude), 'infinity'), a.id
           from store a where a.id = :after))
 order by coalesce(f.distance_km, 'infinity'), f.id
 limit :most;

-- name: replace
-- Everything about a store but its number, where its version is the expected one (null: any); the new version.
update store
   set version = version + 1, updated_at = now(),
       name = :name, time_zone = :time_zone, address = :address, latitude = :latitude, longitude = :longitude,
       phone = :phone, gln = :gln, opening_hours = :opening_hours, exceptional_days = :exceptional_days,
       public_holidays = :public_holidays, preparation_minutes = :preparation_minutes,
       parallel_orders = :parallel_orders, cut_off = :cut_off, slots = :slots, hold_seconds = :hold_seconds,
       collect_days = :collect_days, instructions = :instructions, active = :active
 where id = :id and (:expected::integer is null or version = :expected)
returning version;

-- name: make
-- A new store; nothing where someone made it a moment ago.
insert into store (id, name, time_zone, address, latitude, longitude, phone, gln, opening_hours, exceptional_days,
                   public_holidays, preparation_minutes, parallel_orders, cut_off, slots, hold_seconds, collect_days,
                   instructions, active)
values (:id, :name, :time_zone, :address, :latitude, :longitude, :phone, :gln, :opening_hours, :exceptional_days,
        :public_holidays, :preparation_minutes, :parallel_orders, :cut_off, :slots, :hold_seconds, :collect_days,
        :instructions, :active)
on conflict (id) do nothing
returning version;
