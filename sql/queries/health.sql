-- name: answers
-- PostgreSQL is there.
select 1;

-- name: oldest_undone
-- Seconds since the oldest work was due that nobody has done; one look into each store's indexes, however long the queues are.
-- A message that is tried again and again has been due since the first time.
select extract(epoch from now() - (
           select min(waits.at)
             from store, lateral (select event.at from event
                                   where event.store_id = store.id and event.position is null
                                   order by event.seq limit 1) waits))::float8 as events,
       extract(epoch from now() - least(
           (select min(next_attempt_at) from notification
             where state in ('pending', 'unknown') and next_attempt_at < now()),
           (select min(due_at) from notification
             where state in ('pending', 'sending') and attempts > 0 and due_at < now())))::float8 as notifications,
       extract(epoch from now() - (
           select min(waits.next_attempt_at)
             from webhook_endpoint w, lateral (select d.next_attempt_at from delivery d
                                                where d.endpoint_id = w.id and d.state = 'pending' and d.next_attempt_at < now()
                                                order by d.next_attempt_at limit 1) waits
            where w.active and coalesce(w.rest_until < now(), true)))::float8 as deliveries,
       extract(epoch from now() - (
           select min(waits.due_at)
             from store, lateral (select reservation.due_at from reservation
                                   where reservation.store_id = store.id and reservation.state = 'held'
                                     and reservation.due_at < now()
                                   order by reservation.due_at limit 1) waits))::float8 as holds,
       extract(epoch from now() - (
           select min(waits.due_at)
             from store, lateral (select reservation.due_at from reservation
                                   where reservation.store_id = store.id and reservation.state = 'ready'
                                     and reservation.due_at < now()
                                   order by reservation.due_at limit 1) waits))::float8 as lapses,
       extract(epoch from now() - (
           select min(waits.answer_by)
             from store, lateral (select min(reservation.answer_by) as answer_by from reservation
                                   where reservation.store_id = store.id and reservation.state = 'picking'
                                     and reservation.answer_by < now()) waits))::float8 as answers,
       extract(epoch from now() - (select min(look_at) from callback where look_at < now()))::float8 as callbacks,
       greatest(
           extract(epoch from now() - make_interval(days => :days) - (
               select min(waits.ended_at)
                 from store, lateral (select reservation.ended_at from reservation
                                       where reservation.store_id = store.id and reservation.customer_name is not null
                                         and reservation.ended_at < now() - make_interval(days => :days)
                                       order by reservation.ended_at limit 1) waits)),
           extract(epoch from now() - interval '1 hour' - (
               select min(waits.ended_at)
                 from store, lateral (select reservation.ended_at from reservation
                                       where reservation.store_id = store.id and reservation.customer_name is not null
                                         and reservation.erase_asked_at is not null
                                         and reservation.ended_at < now() - interval '1 hour'
                                       order by reservation.ended_at limit 1) waits)))::float8 as people;

-- name: workers
-- How many workers were seen alive in the last half minute.
select count(*) from worker where seen_at > now() - interval '30 seconds';

-- name: passed_over
-- Of how many stores a living worker could not do its work lately, by round; what several can't do counts once.
select p.round, max(p.stores::integer) as stores
  from worker w, jsonb_each_text(w.passed_over) p(round, stores)
 where w.seen_at > now() - interval '30 seconds'
 group by p.round
 order by p.round;

-- name: open_reservations
-- How many reservations are on their way, by state; read from the index of the open ones.
select state, count(*) as reservations
  from reservation
 where state in ('held', 'confirmed', 'picking', 'ready')
 group by state
 order by state;
