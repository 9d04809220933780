-- migrate:up

-- UTC, microseconds, 'Z': the one spelling of time in JSON.
create function rfc3339(moment timestamptz) returns text stable language sql
return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- Does a reservation in this state claim stock?
create function claims_stock(state text) returns boolean immutable language sql
return state in ('held', 'confirmed', 'picking', 'ready');

-- What a caller can do next; drawn from service/lifecycle.py and compared with it by a test.
create function possible_steps(state text) returns text[] immutable language sql
return case state
    when 'held' then array['confirm', 'cancel']
    when 'confirmed' then array['pick', 'cancel']
    when 'picking' then array['shelve', 'cancel']
    when 'ready' then array['unshelve', 'collect', 'cancel', 'lapse']
    when 'collected' then array['undo', 'return']
    when 'expired' then array['confirm']
    when 'uncollected' then array['collect']
    else array[]::text[] end;

-- The price of `units` of a line, in minor units.
create function line_price(line reservation_line, units integer) returns bigint immutable language sql
return coalesce(line.unit_price * units, round(line.total::numeric * units / line.asked)::bigint);

-- A reservation as the API tells it. `links` is the address before the token; `applied` says whether this call changed it,
-- and where it did not, `step` is what was asked: who took it first, and when.
-- In plpgsql, which keeps its plan from call to call: plain SQL would be planned anew by every statement that asks.
create function reservation_json(r reservation, links text, applied boolean, step text) returns json stable language plpgsql as $$
begin
    return (
        select row_to_json(told)
          from lateral (select coalesce(json_agg(json_build_object(
                                   'sku', line.sku, 'name', line.name, 'asked', line.asked, 'quantity', line.quantity,
                                   'short', line.short, 'collected', line.collected, 'refused', line.refused,
                                   'returned', line.returned, 'unit_price', line.unit_price, 'total', line.total)
                                   order by line.sku), '[]') as lines,
                               sum(line_price(line, line.quantity)) as total,
                               sum(line_price(line, line.quantity - line.short - line.refused)) as kept
                          from reservation_line line
                         where line.store_id = r.store_id and line.reservation_id = r.id) l,
               lateral (select r.id, r.store_id as store, r.order_ref, r.channel, r.state, r.version, applied as applied,
                       case when not applied then (
                           select json_build_object('by', e.actor, 'at', rfc3339(e.at)) from event e
                            where e.store_id = r.store_id and e.reservation_id = r.id and e.action = step
                            order by e.version desc limit 1) end as first_applied, r.replaces,
                       json_build_object('name', r.customer_name, 'email', r.email, 'phone', r.phone, 'locale', r.locale,
                                         'customer_ref', r.customer_ref, 'company', r.company) as customer,
                       case when r.delegate_name is not null
                            then json_build_object('name', r.delegate_name, 'phone', r.delegate_phone) end as delegate,
                       l.lines, r.currency,
                       case when r.currency is not null then l.total end as total,
                       case when r.currency is not null
                            then case when claims_stock(r.state) and not r.paid then l.kept else 0 end end as amount_due,
                       r.paid, r.payment_ref, r.pay_in_store, r.if_short, r.note,
                       r.pickup_code, links || r.token as pickup_url,
                       rfc3339(r.slot_starts_at) as slot,
                       rfc3339(r.hold_expires_at) as hold_expires_at, rfc3339(r.ready_by) as ready_by,
                       rfc3339(r.ready_at) as ready_at, r.ready_at <= r.ready_by as promise_kept,
                       rfc3339(r.collect_by) as collect_by, r.extended, rfc3339(r.answer_by) as answer_by,
                       r.shelf, r.bags, rfc3339(r.arrived_at) as arrived_at, rfc3339(r.confirmed_at) as confirmed_at,
                       rfc3339(r.collected_at) as collected_at, r.checked_by, rfc3339(r.put_back_at) as put_back_at,
                       rfc3339(r.created_at) as created_at, rfc3339(r.updated_at) as updated_at,
                       possible_steps(r.state) as possible_steps) told);
end $$;

-- migrate:down
drop function reservation_json, line_price, possible_steps, claims_stock, rfc3339;
