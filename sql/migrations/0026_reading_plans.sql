-- migrate:up

-- The same by one plan for all calls: left to itself, PostgreSQL planned each call anew, which took four times as long as
-- reading. Who took a step first is met through the index of versions, which holds only events that have one.
create or replace function reservation_json(r reservation, links text, applied boolean, step text) returns json stable language plpgsql
set plan_cache_mode = force_generic_plan as $$
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
                       case when not applied and step is not null then (
                           select json_build_object('by', e.actor, 'at', rfc3339(e.at)) from event e
                            where e.store_id = r.store_id and e.reservation_id = r.id and e.version is not null
                              and e.action = step
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
create or replace function reservation_json(r reservation, links text, applied boolean, step text) returns json stable language plpgsql as $$
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
