-- migrate:up

-- How an endpoint wants to be told, and which fields of the customer its owner may hear; none unless named.
alter table webhook_endpoint
    add column format text not null default 'standard' constraint webhook_format_is_known check (format in ('standard', 'cloudevents')),
    add column fields text[] not null default '{}';

alter table delivery
    add column format   text not null default 'standard', -- of its body, as the endpoint wanted it then
    add column personal boolean not null default false;   -- its body names the customer: it is forgotten with them

-- The caller's trace (W3C), where there is one: ids only, so that what happens later is found from the request.
alter table event add column traceparent text;
alter table event alter column traceparent set default nullif(current_setting('comptoir.traceparent', true), '');

-- What an event's owner lets be known of its customer, under the names that the API uses.
create function event_customer(e event, fields text[]) returns jsonb stable language sql
return (
    select jsonb_strip_nulls(jsonb_build_object(
               'name', case when 'name' = any (fields) then r.customer_name end,
               'email', case when 'email' = any (fields) then r.email end,
               'phone', case when 'phone' = any (fields) then r.phone end,
               'locale', case when 'locale' = any (fields) then r.locale end,
               'customer_ref', case when 'customer_ref' = any (fields) then r.customer_ref end,
               'company', case when 'company' = any (fields) then r.company end))
      from reservation r
     where r.store_id = e.store_id and r.id = e.reservation_id and fields <> '{}');

-- The same event in the format that an endpoint wants, from this source (a URI), with these fields of the customer.
create function webhook_body(e event, format text, fields text[], source text) returns text stable language sql
return (
    select json_strip_nulls(case format
           when 'cloudevents' then
               json_build_object(
                   'specversion', '1.0', 'id', e.id, 'source', source, 'type', e.type,
                   'subject', coalesce(e.reservation_id::text, e.sku, e.id::text), 'time', rfc3339(e.at),
                   'datacontenttype', 'application/json', 'traceparent', e.traceparent, 'data', d.said)
           else json_build_object('type', e.type, 'timestamp', rfc3339(e.at), 'data', d.said)
           end)::text
      from (select event_data(e)::jsonb || jsonb_build_object('store', e.store_id, 'position', e.position)
                   || case when c.customer <> '{}' then jsonb_build_object('customer', c.customer) else '{}' end as said
              from (select event_customer(e, fields) as customer) c) d);

-- migrate:down
drop function webhook_body(event, text, text[], text);
drop function event_customer;
alter table event drop column traceparent;
alter table delivery drop column personal, drop column format;
alter table webhook_endpoint drop column fields, drop column format;
