-- name: answer
-- Keep what a customer says of an order that was handed over, or what they say instead, within a day of the first
-- answer; nothing where the order was not handed over, or the day has passed.
insert into survey_answer (store_id, reservation_id, score, comment)
select r.store_id, r.id, :score, :comment
  from reservation r
 where r.store_id = :store and r.id = :id and r.state in ('collected', 'returned')
    on conflict (store_id, reservation_id) do update
   set score = excluded.score, comment = excluded.comment, changed_at = now()
 where survey_answer.answered_at > now() - interval '1 day'
returning score;

-- name: answered
-- What the customer said of an order, and whether they may still say something else.
select a.score, a.comment, a.answered_at, a.answered_at > now() - interval '1 day' as may_change
  from survey_answer a
 where a.store_id = :store and a.reservation_id = :id;

-- name: score
-- How many answered in these stores (null: all) in a time, and how many of them would recommend, or would not.
select count(*) as answers,
       count(*) filter (where a.score >= 9) as promoters,
       count(*) filter (where a.score between 7 and 8) as passives,
       count(*) filter (where a.score <= 6) as detractors
  from survey_answer a
 where a.store_id in (select s.id from store s where :stores::text[] is null or s.id = any (:stores::text[]))
   and (:since::timestamptz is null or a.answered_at >= :since)
   and (:until::timestamptz is null or a.answered_at < :until);

-- name: listed
-- The same answers, those of the newest reservations first, beside what the customer had been promised and how long
-- they waited at the counter.
select a.reservation_id as id, a.store_id as store, r.order_ref, a.score, a.comment, a.answered_at,
       r.ready_at <= r.ready_by as promise_kept,
       extract(epoch from r.collected_at - r.arrived_at)::integer as waited_seconds
  from survey_answer a
  join reservation r on r.store_id = a.store_id and r.id = a.reservation_id
 where a.store_id in (select s.id from store s where :stores::text[] is null or s.id = any (:stores::text[]))
   and (:since::timestamptz is null or a.answered_at >= :since)
   and (:until::timestamptz is null or a.answered_at < :until)
   and a.reservation_id < :before
 order by a.reservation_id desc
 limit :limit;
