-- name: patience
-- Statements take as long as they take, and have room to sort.
select set_config('statement_timeout', '0', false), set_config('work_mem', '256MB', false), set_config('jit', 'off', false);

-- name: setting
-- What the server is set to.
select current_setting(:name);

-- name: open_stores
-- Stores to be measured, always open, spread over France.
insert into store (id, name, time_zone, latitude, longitude)
select 's' || lpad(n::text, greatest(2, length(n::text)), '0'), 'Store ' || n, 'Europe/Paris', 43 + (n * 7919 % 7000) / 1000.0, -1 + (n * 104729 % 8000) / 1000.0
  from generate_series(:first::integer, :last::integer) n;

-- name: list_items
-- So many items.
insert into item (sku, name) select 'i' || n, 'Item ' || n from generate_series(1, :items::integer) n;

-- name: stock_up
-- Plenty of the first so many items in a store, and nothing of the others.
select count_stock(:store, array(select (sku, case when substr(sku, 2)::integer <= :items::integer then :units::integer else 0 end,
                                         0, now())::stock_count from item), 'key:bench');

-- name: overdue
-- Every hold that stands in a store is overdue since a moment ago.
update reservation set hold_expires_at = now() - interval '1 second' where store_id = :store and state = 'held';

-- name: shelve_stock
-- A handful of each of so many items in these stores, more or less, counted a moment ago; and the ledger that says so.
with counted as (
    select s.id as store_id, 'i' || n as sku, 10 + abs(hashtext(s.id || n)) % 30 as units
      from store s, generate_series(1, :items::integer) n
     where s.id = any (:stores::text[])
), placed as (
    insert into position (store_id, sku, on_hand, as_of, counted_at)
    select c.store_id, c.sku, c.units, now(), now() from counted c order by c.store_id, c.sku
)
insert into movement (store_id, sku, on_hand_change, reserved_change, reason, actor, happened_at)
select c.store_id, c.sku, c.units, 0, 'count', 'key:bench', now() from counted c order by c.store_id, c.sku;

-- name: lookups
-- How many times an index was asked in this database so far, and how many rows were read by walking a whole table.
select (select sum(idx_scan) from pg_stat_user_indexes)::bigint as lookups, (select sum(seq_tup_read) from pg_stat_user_tables)::bigint as walked;

-- name: note_lookups
-- Count what this connection has asked so far.
select pg_stat_force_next_flush();

-- name: unguarded
-- Foreign keys are not looked at while the past is made up in bulk; what it must hold is proved afterwards.
select set_config('session_replication_role', 'replica', false);

-- name: past_reservations
-- What a store looks back on: so many orders over a year, most collected, some never paid, cancelled or never fetched; and
-- after them so many that are still open. The newest have codes, as many as are given; older codes are forgotten.
insert into reservation (store_id, id, version, state, order_ref, channel, customer_name, email, phone, locale, paid, pickup_code, token,
                         hold_expires_at, ready_by, collect_by, created_at, updated_at, confirmed_at, ready_at, collected_at, ended_at)
select :store, uuidv7(at - now()), version, state, 'past-' || n, 'web',
       (:first_names::text[])[1 + n % cardinality(:first_names)] || ' ' || (:last_names::text[])[1 + n / 16 % cardinality(:last_names)],
       'customer' || n || '@mail.example', '+336' || lpad((n::bigint * 7919 % 100000000)::text, 8, '0'), 'fr', state not in ('expired', 'cancelled'),
       (:codes::text[])[n - (:past + :open) + cardinality(:codes)], upper(substr(md5(n::text), 1, 24)),
       at + interval '15 minutes', at + interval '2 hours', case when version > 3 then at + interval '3 days' end, at,
       coalesce(ended, at + interval '20 minutes'),
       case when state not in ('expired', 'cancelled') then at + interval '5 minutes' end,
       case when version > 3 then at + interval '30 minutes' end, case when state = 'collected' then ended end, ended
  from generate_series(1, :past::integer + :open::integer) n,
       lateral (select case when n > :past then now() - interval '1 hour' + interval '30 minutes' * (n - :past) / :open
                            else now() - interval '1 year' * (1 - (n - 1)::float8 / :past) - interval '5 days' end) made(at),
       lateral (select case when n > :past then (array['confirmed', 'picking', 'ready'])[1 + n % 3]
                            when n % 20 < 13 then 'collected' when n % 20 < 17 then 'expired'
                            when n % 20 < 19 then 'cancelled' else 'uncollected' end) ends(state),
       lateral (select case state when 'confirmed' then 2 when 'picking' then 3 when 'ready' then 4
                                  when 'expired' then 2 when 'cancelled' then 2 else 5 end) changes(version),
       lateral (select case state when 'collected' then at + interval '5 hours' when 'expired' then at + interval '15 minutes'
                                  when 'cancelled' then at + interval '8 minutes' when 'uncollected' then at + interval '3 days' end) over_at(ended);

-- name: past_lines
-- Three lines for each of a store's reservations: one item from each third of so many.
insert into reservation_line (store_id, reservation_id, sku, name, asked, quantity, collected)
select r.store_id, r.id, 'i' || 1 + third * (:items::integer / 3) + abs(hashtext(r.id::text || third)) % (:items / 3), 'Item', 1, 1,
       case when r.state = 'collected' then 1 else 0 end
  from reservation r, generate_series(0, 2) third
 where r.store_id = :store
 order by r.id;

-- name: past_ledger
-- What those lines did to the stock: set aside at the hold; handed over or given back at the end.
insert into movement (store_id, sku, on_hand_change, reserved_change, reason, reservation_id, actor, happened_at, recorded_at)
select l.store_id, l.sku, m.on_hand, m.reserved, m.reason, l.reservation_id, 'key:bench', m.at, m.at
  from reservation r
  join reservation_line l on l.store_id = r.store_id and l.reservation_id = r.id,
       lateral (values (0, 1, 'hold', r.created_at),
                       (-l.collected, -1, case r.state when 'collected' then 'collect' when 'expired' then 'expire'
                                                       when 'cancelled' then 'cancel' else 'lapse' end, r.ended_at)) m(on_hand, reserved, reason, at)
 where r.store_id = :store and m.at is not null
 order by m.at;

-- name: past_feed
-- So many lines more, from tills and deliveries: as many units came as went.
insert into movement (store_id, sku, on_hand_change, reserved_change, reason, reference, actor, happened_at, recorded_at)
select :store, 'i' || 1 + n / 2 % :items::integer, case n % 2 when 0 then -1 else 1 end, 0, case n % 2 when 0 then 'sale' else 'delivery' end,
       'till-' || n, 'key:feed', at, at
  from generate_series(0, :lines::integer - 1) n, lateral (select now() - interval '1 year' * (1 - n::float8 / :lines) - interval '5 days') made(at);

-- name: past_positions
-- Positions are what the ledger says.
update position p
   set on_hand = m.on_hand, reserved = m.reserved, version = p.version + 1
  from (select sku, sum(on_hand_change)::integer as on_hand, sum(reserved_change)::integer as reserved
          from movement where store_id = :store group by sku) m
 where p.store_id = :store and p.sku = m.sku;

-- name: past_events
-- The history of each of a store's reservations, step by step, in the order of its stream.
insert into event (store_id, id, position, type, reservation_id, version, action, source, target, actor, at, happened_at)
select r.store_id, uuidv7(step.at - now()), row_number() over (order by step.at, r.id, step.version), 'reservation.' || step.target, r.id,
       step.version, step.action, step.source, step.target, 'key:bench', step.at, step.at
  from reservation r,
       lateral (values (1, 'hold', null, 'held', r.created_at), (2, 'confirm', 'held', 'confirmed', r.confirmed_at),
                       (3, 'pick', 'confirmed', 'picking', r.created_at + interval '10 minutes'), (4, 'shelve', 'picking', 'ready', r.ready_at),
                       (5, 'collect', 'ready', 'collected', r.ended_at), (5, 'lapse', 'ready', 'uncollected', r.ended_at),
                       (2, 'expire', 'held', 'expired', r.ended_at), (2, 'cancel', 'held', 'cancelled', r.ended_at)
               ) step(version, action, source, target, at)
 where r.store_id = :store
   and (step.target = r.state or step.version = 1
        or (step.version <= r.version and step.target in ('confirmed', 'picking', 'ready') and r.state not in ('expired', 'cancelled')))
 order by 3;

-- name: past_stream
-- The stream ends with the last of those events.
insert into stream (store_id, position) select :store, count(*) from event where store_id = :store and position is not null;

-- name: past_answers
-- The first answers of the last eight days: older ones are forgotten.
insert into idempotency (store_id, credential, operation, key, fingerprint, status, body, created_at)
select r.store_id, 'key:bench', 'POST /v1/stores/' || r.store_id || '/reservations', r.order_ref, sha256(r.order_ref::bytea), 201,
       reservation_json(r, 'https://shop.example/p/', true, null)::text, r.created_at
  from reservation r
 where r.store_id = :store and r.created_at > now() - interval '8 days';

-- name: known
-- Reservations of all stores with a code: what a clerk could type to find them.
select r.store_id, r.pickup_code, r.customer_name, r.phone
  from reservation r
 where r.pickup_code is not null and r.customer_name is not null
 order by r.id desc
 limit :most;

-- name: sizes
-- How many reservations there are, and how many lines in the ledger.
select (select count(*) from reservation) as reservations, (select count(*) from movement) as ledger;

-- name: owe_messages
-- One message of a kind that is still true, on this channel, about each of so many of a store's open orders.
insert into notification (store_id, id, event_seq, reservation_id, kind, channel, address, locale, next_attempt_at)
select r.store_id, new_id(), e.seq, r.id, 'confirmed', :channel, case :channel when 'sms' then r.phone else r.email end, 'fr', now()
  from reservation r
  join event e on e.store_id = r.store_id and e.reservation_id = r.id and e.type = 'reservation.confirmed'
 where r.store_id = :store and r.state in ('confirmed', 'picking', 'ready')
 order by e.seq
 limit :most;

-- name: messages_sent
-- How many messages of a channel their carrier has, how many wait, and how many will not go out.
select count(*) filter (where state = 'accepted') as sent, count(*) filter (where state in ('pending', 'sending', 'unknown')) as left,
       count(*) filter (where state in ('failed', 'suppressed')) as dead, max(reason) as reason
  from notification where channel = :channel;

-- name: sent_twice
-- How many messages were handed over more than once.
select count(*) from captured_message where sendings > 1;

-- name: forget_messages
-- No message was ever owed.
with gone as (delete from notification)
delete from captured_message;

-- name: own_policy
-- The past is made up without its messages: as where a policy of the shop's own switched them off.
insert into message_policy (store_id, policy) values ('', '{}') on conflict do nothing;

-- name: tables
-- How large these tables are with their indexes, and how many of their rows live and are dead, as the server's statistics have it.
select s.relname as name, pg_total_relation_size(s.relid) as bytes, s.n_live_tup as live, s.n_dead_tup as dead
  from pg_stat_user_tables s
 where s.relname = any (:names::text[])
 order by s.relname;

-- name: expired
-- How many holds ran out.
select count(*) from reservation where state = 'expired';
