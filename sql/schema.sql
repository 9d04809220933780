-- What all migrations add up to. Drawn by `make docs`, for reading; databases are made by the migrations.
set check_function_bodies = false; -- functions come first here, and name tables that come later

CREATE TYPE public.hold_line AS (
	request integer,
	resource integer,
	sku text COLLATE pg_catalog."C",
	quantity integer,
	name text,
	unit_price bigint,
	total bigint
);

CREATE TYPE public.hold_outcome AS (
	id uuid,
	outcome text,
	status smallint,
	body text,
	facts jsonb
);

CREATE TYPE public.hold_request AS (
	store text COLLATE pg_catalog."C",
	id uuid,
	key text COLLATE pg_catalog."C",
	credential text COLLATE pg_catalog."C",
	operation text COLLATE pg_catalog."C",
	fingerprint bytea,
	order_ref text,
	channel text,
	replaces uuid,
	customer_name text,
	email text,
	phone text,
	locale text,
	customer_ref text,
	company text,
	delegate_name text,
	delegate_phone text,
	note text,
	currency text,
	pay_in_store boolean,
	if_short text,
	allow_partial boolean,
	pickup_code text,
	token text,
	slot integer,
	hold_seconds integer,
	ready_by timestamp with time zone,
	actor text,
	final boolean
);

CREATE TYPE public.line_change AS (
	sku text COLLATE pg_catalog."C",
	short integer,
	collected integer,
	refused integer,
	returned integer,
	on_hand integer,
	reason text
);

CREATE TYPE public.recorded_move AS (
	n integer,
	outcome text,
	on_hand_change integer
);

CREATE TYPE public.stock_count AS (
	sku text COLLATE pg_catalog."C",
	on_hand integer,
	safety_stock integer,
	as_of timestamp with time zone
);

CREATE TYPE public.stock_move AS (
	sku text COLLATE pg_catalog."C",
	on_hand integer,
	reserved integer,
	reason text,
	reservation_id uuid,
	reference text,
	order_ref text,
	happened_at timestamp with time zone
);

CREATE FUNCTION public.advance(p_store text, p_ids uuid[], p_action text, p_target text, p_type text, p_sets jsonb, p_changes public.line_change[], p_data jsonb, p_actor text, p_happened_at timestamp with time zone, p_reality boolean) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
declare
    v_old   reservation[];
    v_moves stock_move[];
    v_slots timestamptz[];
    v_full  timestamptz;
    v_short jsonb;
begin
    select array_agg(locked order by (locked).id) into v_old
      from (select r as locked from reservation r where store_id = p_store and id = any (p_ids) order by id for update) l;
    if v_old is null then
        return null;
    end if;

    -- Slots: taken while the order may still come or has come; given back by cancel, expire and lapse.
    with touched as (
        select o.slot_starts_at as starts_at, -1 as orders from unnest(v_old) o where o.state not in ('cancelled', 'expired')
        union all
        select n.slot_starts_at, 1 from unnest(v_old) o, jsonb_populate_record(o, p_sets) n
         where coalesce(p_target, o.state) not in ('cancelled', 'expired')
    )
    select array_agg(starts_at order by starts_at) into v_slots
      from (select starts_at from touched where starts_at is not null group by 1 having sum(orders) <> 0) moved;
    if v_slots is not null then
        perform from slot where store_id = p_store and starts_at = any (v_slots) order by starts_at for no key update;
        select min(s.starts_at) into v_full
          from unnest(v_old) o
          join slot s on s.store_id = p_store and s.starts_at = o.slot_starts_at
         where o.state = 'expired' and p_target = 'confirmed' and s.taken >= s.capacity;
        if v_full is not null then
            return jsonb_build_object('slot', rfc3339(v_full));
        end if;
    end if;

    with line as materialized (
        select l.*, claims_stock(o.state) as claimed, claims_stock(coalesce(p_target, o.state)) as claims,
               l.quantity - l.short - l.collected - l.refused as claim
          from unnest(v_old) o
          join reservation_line l on l.store_id = p_store and l.reservation_id = o.id
    ), change as (
        -- what was done to some units of a line …
        select l.reservation_id, l.sku, c.on_hand, c.reason,
               case when l.claimed or l.claims then -(c.short + c.collected + c.refused) else 0 end as reserved
          from line l join unnest(p_changes) c on c.sku = l.sku
        union all
        -- … and what becomes of the others' claims
        select l.reservation_id, l.sku, 0, p_action,
               case when l.claimed and not l.claims then -(l.claim - coalesce(done.units, 0))
                    when l.claims and not l.claimed then l.claim else 0 end
          from line l
          left join (select c.sku, sum(c.short + c.collected + c.refused)::integer as units from unnest(p_changes) c group by 1) done using (sku)
    )
    select array_agg((sku, on_hand, reserved, reason, reservation_id, null, null, coalesce(p_happened_at, now()))::stock_move order by sku, reservation_id)
      into v_moves
      from change where on_hand <> 0 or reserved <> 0;
    if v_moves is not null then
        v_short := move_stock(p_store, v_moves, p_actor, p_reality);
        if v_short is not null then
            return jsonb_build_object('lines', v_short);
        end if;
    end if;

    update slot s set taken = s.taken + moved.orders
      from (select starts_at, sum(orders)::integer as orders
              from (select o.slot_starts_at as starts_at, -1 as orders from unnest(v_old) o where o.state not in ('cancelled', 'expired')
                    union all
                    select n.slot_starts_at, 1 from unnest(v_old) o, jsonb_populate_record(o, p_sets) n
                     where coalesce(p_target, o.state) not in ('cancelled', 'expired')) t
             group by 1) moved
     where s.store_id = p_store and s.starts_at = moved.starts_at and moved.orders <> 0;

    update reservation_line l
       set short = l.short + c.short, collected = l.collected + c.collected, refused = l.refused + c.refused, returned = l.returned + c.returned
      from (select sku, sum(short)::integer as short, sum(collected)::integer as collected, sum(refused)::integer as refused,
                   sum(returned)::integer as returned from unnest(p_changes) group by sku) c
     where l.store_id = p_store and l.reservation_id = any (p_ids) and l.sku = c.sku;

    update reservation r
       set version = r.version + 1, updated_at = now(), state = coalesce(p_target, r.state),
           customer_name = n.customer_name, email = n.email, phone = n.phone, locale = n.locale,
           delegate_name = n.delegate_name, delegate_phone = n.delegate_phone, note = n.note,
           paid = n.paid, payment_ref = n.payment_ref, slot_starts_at = n.slot_starts_at,
           hold_expires_at = n.hold_expires_at, ready_by = n.ready_by, collect_by = n.collect_by, answer_by = n.answer_by,
           extended = n.extended, shelf = n.shelf, bags = n.bags, checked_by = n.checked_by,
           confirmed_at = n.confirmed_at, ready_at = n.ready_at, arrived_at = n.arrived_at, collected_at = n.collected_at,
           ended_at = case when claims_stock(coalesce(p_target, r.state)) then null
                           when p_action is not null then now() else r.ended_at end,
           put_back_at = n.put_back_at, reminded_at = n.reminded_at
      from unnest(v_old) o, jsonb_populate_record(o, p_sets) n
     where r.store_id = p_store and r.id = o.id;

    insert into event (store_id, id, type, reservation_id, version, action, source, target, data, actor, happened_at)
    select p_store, new_id(), p_type, o.id, o.version + 1, p_action,
           case when p_action is not null then o.state end, case when p_action is not null then p_target end, p_data, p_actor, coalesce(p_happened_at, now())
      from unnest(v_old) o order by o.id;
    return null;
end $$;

CREATE FUNCTION public.allot(requests integer[], resources integer[], quantities integer[], open boolean[], partial boolean[], slots integer[], available integer[]) RETURNS integer[]
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
    takes integer[] := array_fill(null::integer, array[cardinality(requests)]);
    first integer := 1;
    last  integer;
    who   integer;
    fits  boolean;
    got   integer;
begin
    while first <= cardinality(requests) loop
        who := requests[first];
        last := first;
        fits := open[who] and (slots[who] = 0 or available[slots[who]] > 0);
        got := 0;
        while last <= cardinality(requests) and requests[last] = who loop
            if fits and available[resources[last]] >= quantities[last] then
                got := got + quantities[last];
            elsif fits and partial[who] then
                got := got + available[resources[last]];
            else
                fits := false;
            end if;
            last := last + 1;
        end loop;
        if fits and got > 0 then
            for n in first..last - 1 loop
                takes[n] := least(quantities[n], available[resources[n]]);
                available[resources[n]] := available[resources[n]] - takes[n];
            end loop;
            if slots[who] > 0 then
                available[slots[who]] := available[slots[who]] - 1;
            end if;
        end if;
        first := last;
    end loop;
    return takes;
end $$;

CREATE FUNCTION public.claims_stock(state text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN (state = ANY (ARRAY['held'::text, 'confirmed'::text, 'picking'::text, 'ready'::text]));

CREATE FUNCTION public.count_stock(p_store text, p_counts public.stock_count[], p_actor text) RETURNS text[]
    LANGUAGE plpgsql
    AS $$
declare
    v_counts stock_count[];
    v_moves  stock_move[];
    v_stated integer[];
begin
    perform lock_positions(p_store, array(select c.sku from unnest(p_counts) c), true);

    with fresh as (
        select c, moment.at, p.on_hand as was,
               c.on_hand + coalesce((select sum(m.on_hand_change) from movement m
                                      where m.store_id = p_store and m.sku = c.sku and m.on_hand_change <> 0
                                        and m.happened_at > moment.at and m.recorded_at > moment.at), 0)::integer as is_now
          from unnest(p_counts) c
         cross join lateral (select * from position p where p.store_id = p_store and p.sku = c.sku offset 0) p,
               lateral (select least(c.as_of, case when c.as_of = p.as_of then p.counted_at else now() end) as at) moment
         where p.as_of is null or p.as_of <= c.as_of
    )
    select array_agg(f.c order by (f.c).sku),
           array_agg(((f.c).sku, f.is_now - f.was, 0, 'count', null, null, null, f.at)::stock_move order by (f.c).sku)
               filter (where f.is_now <> f.was)
      into v_counts, v_moves
      from fresh f;
    if v_counts is null then
        return '{}';
    end if;
    v_moves := coalesce(v_moves, '{}');
    v_stated := array(select m.on_hand from unnest(v_moves) m);
    perform write_stock(p_store, v_moves, v_stated, v_counts, p_actor, true);
    return array(select c.sku from unnest(v_counts) c);
end $$;

CREATE FUNCTION public.decent(moment timestamp with time zone, zone text, quiet_from time without time zone, quiet_to time without time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    RETURN (SELECT CASE WHEN ((decent.quiet_from IS NULL) OR (decent.quiet_from = decent.quiet_to)) THEN decent.moment WHEN ((decent.quiet_from < decent.quiet_to) AND (there.clock >= decent.quiet_from) AND (there.clock < decent.quiet_to)) THEN GREATEST(decent.moment, ((there.day + decent.quiet_to) AT TIME ZONE decent.zone)) WHEN ((decent.quiet_from > decent.quiet_to) AND (there.clock >= decent.quiet_from)) THEN GREATEST(decent.moment, (((there.day + 1) + decent.quiet_to) AT TIME ZONE decent.zone)) WHEN ((decent.quiet_from > decent.quiet_to) AND (there.clock < decent.quiet_to)) THEN GREATEST(decent.moment, ((there.day + decent.quiet_to) AT TIME ZONE decent.zone)) ELSE decent.moment END AS moment FROM (SELECT ((decent.moment AT TIME ZONE decent.zone))::time without time zone AS clock, ((decent.moment AT TIME ZONE decent.zone))::date AS day) there);

CREATE FUNCTION public.distance_km(latitude1 double precision, longitude1 double precision, latitude2 double precision, longitude2 double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((((latitude1 + longitude1) + latitude2) + longitude2) IS NOT NULL) THEN ((((2)::numeric * 6371.0088))::double precision * asin(LEAST((1)::double precision, sqrt(((sin((radians((latitude2 - latitude1)) / (2)::double precision)) ^ (2)::double precision) + ((cos(radians(latitude1)) * cos(radians(latitude2))) * (sin((radians((longitude2 - longitude1)) / (2)::double precision)) ^ (2)::double precision))))))) ELSE NULL::double precision END;

CREATE TABLE public.event (
    store_id text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    id uuid NOT NULL,
    "position" bigint,
    type text NOT NULL,
    reservation_id uuid,
    version integer,
    action text,
    source text,
    target text,
    sku text COLLATE pg_catalog."C",
    notification_id uuid,
    data jsonb,
    actor text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    happened_at timestamp with time zone DEFAULT now() NOT NULL,
    traceparent text DEFAULT NULLIF(current_setting('comptoir.traceparent'::text, true), ''::text),
    CONSTRAINT step_is_lawful CHECK (((action IS NULL) OR (((((action || ' '::text) || COALESCE(source, ''::text)) || ' '::text) || target) = ANY (ARRAY['hold  held'::text, 'confirm held confirmed'::text, 'confirm expired confirmed'::text, 'pick confirmed picking'::text, 'shelve picking ready'::text, 'unshelve ready picking'::text, 'collect ready collected'::text, 'collect uncollected collected'::text, 'undo collected ready'::text, 'return collected returned'::text, 'return collected collected'::text, 'cancel held cancelled'::text, 'cancel confirmed cancelled'::text, 'cancel picking cancelled'::text, 'cancel ready cancelled'::text, 'expire held expired'::text, 'lapse ready uncollected'::text]))))
);

CREATE TABLE public.reservation (
    store_id text NOT NULL COLLATE pg_catalog."C",
    id uuid NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    state text NOT NULL,
    order_ref text NOT NULL,
    channel text NOT NULL,
    replaces uuid,
    customer_name text,
    email text,
    phone text,
    locale text NOT NULL,
    customer_ref text,
    company text,
    delegate_name text,
    delegate_phone text,
    note text,
    currency text,
    pay_in_store boolean DEFAULT false NOT NULL,
    paid boolean DEFAULT false NOT NULL,
    payment_ref text,
    if_short text DEFAULT 'take'::text NOT NULL,
    pickup_code text COLLATE pg_catalog."C",
    token text COLLATE pg_catalog."C",
    slot_starts_at timestamp with time zone,
    hold_expires_at timestamp with time zone,
    ready_by timestamp with time zone,
    collect_by timestamp with time zone,
    answer_by timestamp with time zone,
    extended boolean DEFAULT false NOT NULL,
    shelf text,
    bags integer,
    checked_by text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    confirmed_at timestamp with time zone,
    ready_at timestamp with time zone,
    arrived_at timestamp with time zone,
    collected_at timestamp with time zone,
    ended_at timestamp with time zone,
    put_back_at timestamp with time zone,
    reminded_at timestamp with time zone,
    due_at timestamp with time zone GENERATED ALWAYS AS (
CASE state
    WHEN 'held'::text THEN hold_expires_at
    WHEN 'confirmed'::text THEN ready_by
    WHEN 'picking'::text THEN ready_by
    WHEN 'ready'::text THEN collect_by
    ELSE NULL::timestamp with time zone
END) STORED,
    erase_asked_at timestamp with time zone,
    CONSTRAINT hold_has_an_end CHECK (((state <> 'held'::text) OR (hold_expires_at IS NOT NULL))),
    CONSTRAINT if_short_is_known CHECK ((if_short = ANY (ARRAY['take'::text, 'cancel'::text, 'ask'::text]))),
    CONSTRAINT state_is_known CHECK ((state = ANY (ARRAY['held'::text, 'confirmed'::text, 'picking'::text, 'ready'::text, 'collected'::text, 'returned'::text, 'cancelled'::text, 'expired'::text, 'uncollected'::text])))
)
WITH (fillfactor='70');

CREATE FUNCTION public.event_customer(e public.event, fields text[]) RETURNS jsonb
    LANGUAGE sql STABLE
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('name', CASE WHEN ('name'::text = ANY (event_customer.fields)) THEN r.customer_name ELSE NULL::text END, 'email', CASE WHEN ('email'::text = ANY (event_customer.fields)) THEN r.email ELSE NULL::text END, 'phone', CASE WHEN ('phone'::text = ANY (event_customer.fields)) THEN r.phone ELSE NULL::text END, 'locale', CASE WHEN ('locale'::text = ANY (event_customer.fields)) THEN r.locale ELSE NULL::text END, 'customer_ref', CASE WHEN ('customer_ref'::text = ANY (event_customer.fields)) THEN r.customer_ref ELSE NULL::text END, 'company', CASE WHEN ('company'::text = ANY (event_customer.fields)) THEN r.company ELSE NULL::text END)) AS jsonb_strip_nulls FROM public.reservation r WHERE ((r.store_id = (event_customer.e).store_id) AND (r.id = (event_customer.e).reservation_id) AND (event_customer.fields <> '{}'::text[])));

CREATE FUNCTION public.event_data(e public.event) RETURNS json
    LANGUAGE sql STABLE
    RETURN (SELECT json_strip_nulls(json_build_object('id', (e).reservation_id, 'version', (e).version, 'state', COALESCE((e).target, (SELECT t.target FROM public.event t WHERE ((t.store_id = (event_data.e).store_id) AND (t.reservation_id = (event_data.e).reservation_id) AND (t.version IS NOT NULL) AND (t.target IS NOT NULL) AND (t.seq <= (event_data.e).seq)) ORDER BY t.version DESC LIMIT 1)), 'order_ref', (SELECT r.order_ref FROM public.reservation r WHERE ((r.store_id = (event_data.e).store_id) AND (r.id = (event_data.e).reservation_id))), 'sku', (e).sku, 'on_hand', CASE WHEN ((e).sku IS NOT NULL) THEN ((e).data -> 'on_hand'::text) ELSE NULL::jsonb END, 'reserved', CASE WHEN ((e).sku IS NOT NULL) THEN ((e).data -> 'reserved'::text) ELSE NULL::jsonb END, 'shortfall', CASE WHEN ((e).sku IS NOT NULL) THEN ((e).data -> 'shortfall'::text) ELSE NULL::jsonb END, 'notification', (e).notification_id, 'kind', CASE WHEN ((e).type ~~ 'notification.%'::text) THEN ((e).data -> 'kind'::text) ELSE NULL::jsonb END, 'channel', CASE WHEN ((e).type ~~ 'notification.%'::text) THEN ((e).data -> 'channel'::text) ELSE NULL::jsonb END, 'endpoint', CASE WHEN ((e).type ~~ 'webhook.%'::text) THEN ((e).data -> 'endpoint'::text) ELSE NULL::jsonb END, 'reason', CASE WHEN ((e).type ~~ 'webhook.%'::text) THEN ((e).data -> 'reason'::text) ELSE NULL::jsonb END)) AS json_strip_nulls);

CREATE FUNCTION public.rfc3339(moment timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    RETURN to_char((moment AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text);

CREATE TABLE public.audit (
    store_id text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    "position" bigint,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    facts jsonb,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE FUNCTION public.history_digest(p_store text, p_before bytea, p_events_after bigint, p_events_until bigint, p_audit_after bigint, p_audit_until bigint) RETURNS bytea
    LANGUAGE sql STABLE
    RETURN sha256((COALESCE(p_before, '\x'::bytea) || convert_to(((((p_store || '
'::text) || COALESCE((SELECT string_agg((json_build_array(e."position", e.seq, e.id, e.type, e.reservation_id, e.version, e.action, e.source, e.target, e.sku, e.notification_id, (e.data - ARRAY['reason'::text, 'text'::text, 'note'::text]), e.actor, public.rfc3339(e.at), public.rfc3339(e.happened_at)))::text, '
'::text ORDER BY e."position") AS string_agg FROM public.event e WHERE ((e.store_id = history_digest.p_store) AND (e."position" > history_digest.p_events_after) AND (e."position" <= history_digest.p_events_until))), ''::text)) || '

'::text) || COALESCE((SELECT string_agg((json_build_array(a."position", a.seq, a.actor, a.action, a.subject, a.facts, public.rfc3339(a.at)))::text, '
'::text ORDER BY a."position") AS string_agg FROM public.audit a WHERE ((a.store_id = history_digest.p_store) AND (a."position" > history_digest.p_audit_after) AND (a."position" <= history_digest.p_audit_until))), ''::text)), 'UTF8'::name)));

CREATE FUNCTION public.hold(p_requests public.hold_request[], p_lines public.hold_line[], p_stores text[], p_skus text[], p_slot_stores text[], p_slots timestamp with time zone[], p_links text) RETURNS SETOF public.hold_outcome
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
declare
    n           constant integer := cardinality(p_requests);
    positions   constant integer := cardinality(p_skus);
    v_ids       uuid[];
    v_open      boolean[];    -- per request: not answered yet
    v_outcome   text[];       -- per request: what was found out first
    v_active    boolean[];    -- per request: its store takes orders; null: there is none
    v_partial   boolean[];
    v_final     boolean[];
    v_slot      integer[];    -- per request: its slot among the resources, which are the positions, then the slots
    v_position  boolean[];    -- per position: there is one
    v_available integer[];    -- per resource
    v_due       boolean[] := array_fill(null::boolean, array[cardinality(p_skus)]); -- per position: due holds have some of it
    v_short     boolean;
    v_some      boolean;
    v_wait      boolean;
    v_line      integer := 1;
    v_resource  integer;
    l_request   integer[];
    l_resource  integer[];
    l_quantity  integer[];
    l_take      integer[];
    v_units     integer[];    -- per position: what is taken
    v_locked    text[];
    v_made      uuid[];
    known       record;
begin
    select array_agg(r.id), array_agg(coalesce(r.allow_partial, false)), array_agg(coalesce(r.final, false)),
           array_agg(case when r.slot > 0 then positions + r.slot else 0 end), array_agg(s.active)
      into v_ids, v_partial, v_final, v_slot, v_active
      from unnest(p_requests) r
      left join lateral (select s.active from store s where s.id = r.store offset 0) s on true;
    select array_agg(l.request), array_agg(l.resource), array_agg(l.quantity)
      into l_request, l_resource, l_quantity
      from unnest(p_lines) l;

    -- One request per key at a time, here and in every other transaction; never waiting for it.
    select array_agg(case when k.key is null then null when k.nth > 1 then 'again' when not k.locked then 'in_flight' end order by k.ordinality)
      into v_outcome
      from (select r.ordinality, r.key, row_number() over (partition by r.store, r.credential, r.operation, r.key order by r.ordinality) as nth,
                   r.key is null or pg_try_advisory_xact_lock(hashtextextended(concat_ws(E'\x1f', r.store, r.credential, r.operation, r.key), 0)) as locked
              from unnest(p_requests) with ordinality r) k;

    for known in
        select r.ordinality::integer as request, i.same, i.status, i.body
          from unnest(p_requests) with ordinality r,
               lateral (select i.fingerprint = r.fingerprint as same, i.status, i.body from idempotency i
                         where i.store_id = r.store and i.credential = r.credential and i.operation = r.operation and i.key = r.key
                        offset 0) i
    loop
        if v_outcome[known.request] is null then
            v_outcome[known.request] := 'answered';
            return next (v_ids[known.request], case when known.same then 'replayed' else 'key_reused' end,
                         known.status, case when known.same then known.body end, null)::hold_outcome;
        end if;
    end loop;

    -- One order, one reservation: the one that stands is the answer, where the lines are the same.
    for known in
        select r.ordinality::integer as request, s.standing, r.store, r.key, r.credential, r.operation, r.fingerprint
          from unnest(p_requests) with ordinality r,
               lateral (select s as standing from reservation s
                         where s.store_id = r.store and s.order_ref = r.order_ref
                           and s.state not in ('cancelled', 'expired', 'uncollected')
                        offset 0) s
    loop
        continue when v_outcome[known.request] is not null;
        v_outcome[known.request] := 'answered';
        if (select array_agg(row(l.sku, l.asked)::text order by l.sku) from reservation_line l
             where l.store_id = known.store and l.reservation_id = (known.standing).id)
         = (select array_agg(row(l.sku, l.quantity)::text order by l.sku) from unnest(p_lines) l where l.request = known.request)
        then
            if known.key is not null then
                insert into idempotency (store_id, credential, operation, key, fingerprint, status, body)
                values (known.store, known.credential, known.operation, known.key, known.fingerprint, 200,
                        reservation_json(known.standing, p_links, false, 'hold'));
            end if;
            return next (v_ids[known.request], 'stands', 200, reservation_json(known.standing, p_links, false, 'hold'), null)::hold_outcome;
        else
            return next (v_ids[known.request], 'order_differs', null, null, jsonb_build_object(
                'reservation', (known.standing).id, 'state', (known.standing).state))::hold_outcome;
        end if;
    end loop;

    -- What there is, as committed: a plain read.
    select array_agg(p.available is not null), array_agg(coalesce(p.available, 0))
      into v_position, v_available
      from unnest(p_stores, p_skus) asked(store, sku)
      left join lateral (select greatest(0, p.on_hand - p.reserved - p.safety_stock) as available from position p
                          where p.store_id = asked.store and p.sku = asked.sku offset 0) p on true;
    if cardinality(p_slots) > 0 then
        select v_available || array_agg(greatest(0, coalesce((s.slots ->> 'capacity')::integer, 0) - coalesce(t.taken, 0))) into v_available
          from unnest(p_slot_stores, p_slots) asked(store, starts_at)
          left join lateral (select s.slots from store s where s.id = asked.store offset 0) s on true
          left join lateral (select t.taken from slot t where t.store_id = asked.store and t.starts_at = asked.starts_at offset 0) t on true;
    end if;

    -- Whoever could not be served alone is refused now, and true it is.
    for i in 1..n loop
        v_short := false;
        v_some := false;
        v_wait := false;
        while v_line <= cardinality(l_request) and l_request[v_line] = i loop
            v_resource := l_resource[v_line];
            v_some := v_some or v_available[v_resource] > 0;
            if v_available[v_resource] < l_quantity[v_line] and v_outcome[i] is null then
                v_short := true;
                if not v_position[v_resource] and not exists (select from item where sku = p_skus[v_resource]) then
                    v_outcome[i] := 'unknown_sku';
                elsif not v_final[i] then
                    if v_due[v_resource] is null then
                        v_due[v_resource] := exists (
                            select from reservation d
                              join reservation_line l on l.store_id = d.store_id and l.reservation_id = d.id and l.sku = p_skus[v_resource]
                             where d.store_id = p_stores[v_resource] and d.state = 'held' and d.due_at <= now());
                    end if;
                    v_wait := v_wait or v_due[v_resource];
                end if;
            end if;
            v_line := v_line + 1;
        end loop;
        continue when v_outcome[i] = 'answered';
        v_outcome[i] := case when v_active[i] is null then 'unknown_store' when not v_active[i] then 'store_closed' else v_outcome[i] end;
        if v_slot[i] > 0 and not v_final[i] then
            if v_available[v_slot[i]] = 0 then
                v_wait := v_wait or exists (
                    select from reservation d
                     where d.store_id = p_requests[i].store and d.state = 'held' and d.due_at <= now()
                       and d.slot_starts_at = p_slots[p_requests[i].slot]);
            end if;
        end if;
        v_outcome[i] := coalesce(v_outcome[i], case
            when v_wait then 'due'
            when v_slot[i] > 0 and v_available[v_slot[i]] = 0 then 'slot_full'
            when v_short and not (v_partial[i] and v_some) then 'out_of_stock' end);
        continue when v_outcome[i] is null;
        return next (v_ids[i], v_outcome[i], null, null, case v_outcome[i]
            when 'unknown_sku' then (
                select jsonb_build_object('skus', jsonb_agg(l.sku order by l.sku)) from unnest(p_lines) l
                 where l.request = i and not v_position[l.resource] and not exists (select from item i where i.sku = l.sku))
            when 'out_of_stock' then (
                select jsonb_build_object('lines', jsonb_agg(jsonb_build_object(
                           'sku', l.sku, 'asked', l.quantity, 'available', v_available[l.resource]) order by l.sku))
                  from unnest(p_lines) l where l.request = i and v_available[l.resource] < l.quantity)
            end)::hold_outcome;
    end loop;

    -- Among the others, who would get something if all that is there were shared out in order?
    select array_agg(o is null) into v_open from unnest(v_outcome) o;
    if not true = any (v_open) then
        return;
    end if;
    l_take := allot(l_request, l_resource, l_quantity, v_open, v_partial, v_slot, v_available);
    for k in 1..cardinality(l_request) loop
        if l_take[k] is null and v_open[l_request[k]] then
            v_open[l_request[k]] := false;
            return next (v_ids[l_request[k]], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;

    with made as (
        insert into reservation (store_id, id, version, state, order_ref, channel, replaces, customer_name, email, phone, locale,
                                 customer_ref, company, delegate_name, delegate_phone, note, currency, pay_in_store, if_short,
                                 pickup_code, token, slot_starts_at, hold_expires_at, ready_by, confirmed_at)
        select r.store, r.id, case when r.pay_in_store then 2 else 1 end, case when r.pay_in_store then 'confirmed' else 'held' end,
               r.order_ref, r.channel, r.replaces, r.customer_name, r.email, r.phone, r.locale, r.customer_ref, r.company,
               r.delegate_name, r.delegate_phone, r.note, r.currency, r.pay_in_store, r.if_short, r.pickup_code, r.token,
               p_slots[nullif(r.slot, 0)],
               case when not r.pay_in_store then now() + make_interval(secs => r.hold_seconds) end, r.ready_by,
               case when r.pay_in_store then now() end
          from unnest(p_requests) with ordinality r
         where v_open[r.ordinality]
         order by r.store, r.order_ref
        on conflict do nothing -- its order or its code was taken at this moment
        returning id)
    select coalesce(array_agg(id), '{}') into v_made from made;
    for i in 1..n loop
        if v_open[i] and not v_ids[i] = any (v_made) then
            v_open[i] := false;
            return next (v_ids[i], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;

    -- The same once more, now that nobody else can move: who is left out here has taken nothing.
    if cardinality(p_slots) > 0 then
        insert into slot (store_id, starts_at, capacity)
        select asked.store, asked.starts_at, (s.slots ->> 'capacity')::integer
          from (select distinct r.store, p_slots[r.slot] as starts_at from unnest(p_requests) with ordinality r
                 where r.slot > 0 and v_open[r.ordinality]) asked,
               lateral (select s.slots from store s where s.id = asked.store offset 0) s
         order by asked.store, asked.starts_at
        on conflict (store_id, starts_at) do update set capacity = greatest(excluded.capacity, slot.taken);
    end if;
    v_available := array_fill(0, array[positions]);
    for known in
        select l.store, array_agg(l.resource order by l.sku) as resources, array_agg(l.sku order by l.sku) as skus
          from (select distinct l.resource, p_stores[l.resource] collate "C" as store, p_skus[l.resource] collate "C" as sku
                  from unnest(l_request, l_resource) l(request, resource)
                 where v_open[l.request] and v_position[l.resource]) l
         group by l.store order by l.store
    loop
        select array_agg(locked.sku), array_agg(locked.available) into v_locked, v_units
          from (select p.sku, greatest(0, p.on_hand - p.reserved - p.safety_stock) as available from position p
                 where p.store_id = known.store and p.sku = any (known.skus)
                 order by p.sku for no key update) locked;
        if v_locked is distinct from known.skus then
            raise 'Positions of % were locked in another order than asked for.', known.store;
        end if;
        for k in 1..cardinality(known.resources) loop
            v_available[known.resources[k]] := v_units[k];
        end loop;
    end loop;
    if cardinality(p_slots) > 0 then
        select v_available || array_agg(coalesce(s.capacity - s.taken, 0)) into v_available
          from unnest(p_slot_stores, p_slots) asked(store, starts_at)
          left join lateral (select * from slot s where s.store_id = asked.store and s.starts_at = asked.starts_at offset 0) s on true;
    end if;
    l_take := allot(l_request, l_resource, l_quantity, v_open, v_partial, v_slot, v_available);
    v_units := array_fill(0, array[positions]);
    for k in 1..cardinality(l_request) loop
        if l_take[k] is not null then
            v_units[l_resource[k]] := v_units[l_resource[k]] + l_take[k];
        elsif v_open[l_request[k]] then
            v_open[l_request[k]] := false;
            delete from reservation where store_id = p_stores[l_resource[k]] and id = v_ids[l_request[k]];
            return next (v_ids[l_request[k]], 'again', null, null, null)::hold_outcome;
        end if;
    end loop;
    if not true = any (v_open) then
        return;
    end if;

    if cardinality(p_slots) > 0 then
        update slot s set taken = s.taken + t.orders
          from (select r.store, p_slots[r.slot] as starts_at, count(*)::integer as orders from unnest(p_requests) with ordinality r
                 where r.slot > 0 and v_open[r.ordinality] group by 1, 2) t
         where s.store_id = t.store and s.starts_at = t.starts_at;
    end if;

    insert into reservation_line (store_id, reservation_id, sku, name, asked, quantity, unit_price, total)
    select p_stores[l.resource], v_ids[l.request], l.sku, coalesce(l.name, i.names ->> left(p_requests[l.request].locale, 2), i.name),
           l.quantity, l_take[l.ordinality], l.unit_price, l.total
      from unnest(p_lines) with ordinality l,
           lateral (select i.name, i.names from item i where i.sku = l.sku offset 0) i
     where l_take[l.ordinality] is not null;

    update position p set reserved = p.reserved + t.units, version = p.version + 1
      from unnest(p_stores, p_skus, v_units) t(store, sku, units)
     where p.store_id = t.store and p.sku = t.sku and t.units > 0;

    insert into movement (store_id, sku, on_hand_change, reserved_change, reason, reservation_id, actor, happened_at)
    select p_stores[l.resource], l.sku, 0, l_take[l.ordinality], 'hold', v_ids[l.request], p_requests[l.request].actor, now()
      from unnest(p_lines) with ordinality l
     where l_take[l.ordinality] > 0;

    insert into event (store_id, id, type, reservation_id, version, action, source, target, sku, actor)
    select r.store, new_id(), 'reservation.' || step.target, r.id, step.version, step.action, step.source, step.target, null, r.actor
      from unnest(p_requests) with ordinality r,
           lateral (values (1, 'hold', null, 'held'), (2, 'confirm', 'held', 'confirmed')) step(version, action, source, target)
     where v_open[r.ordinality] and (step.version = 1 or r.pay_in_store)
    union all
    select t.store, new_id(), 'stock.out', null, null, null, null, null, t.sku, 'stock'
      from unnest(p_stores, p_skus, v_units, v_available) t(store, sku, units, available)
     where t.units > 0 and t.units = t.available;

    return query
        with answered as materialized (
            select r.store, r.id, r.key, r.credential, r.operation, r.fingerprint, reservation_json(s.made, p_links, true, null)::text as body
              from unnest(p_requests) with ordinality r,
                   lateral (select s as made from reservation s where s.store_id = r.store and s.id = r.id offset 0) s
             where v_open[r.ordinality]
        ), kept as (
            insert into idempotency (store_id, credential, operation, key, fingerprint, status, body)
            select a.store, a.credential, a.operation, a.key, a.fingerprint, 201, a.body from answered a where a.key is not null
        )
        select a.id, 'held', 201::smallint, a.body, null::jsonb from answered a;
end $$;

CREATE TABLE public."position" (
    store_id text NOT NULL COLLATE pg_catalog."C",
    sku text NOT NULL COLLATE pg_catalog."C",
    on_hand integer DEFAULT 0 NOT NULL,
    reserved integer DEFAULT 0 NOT NULL,
    safety_stock integer DEFAULT 0 NOT NULL,
    shortfall integer DEFAULT 0 NOT NULL,
    as_of timestamp with time zone,
    counted_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT never_oversold CHECK (((reserved >= 0) AND (reserved <= (GREATEST(on_hand, 0) + shortfall)))),
    CONSTRAINT safety_stock_is_not_negative CHECK ((safety_stock >= 0)),
    CONSTRAINT shortfall_is_not_negative CHECK ((shortfall >= 0))
)
WITH (fillfactor='50');

CREATE FUNCTION public.is_counted(p public."position", happened_at timestamp with time zone) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN COALESCE((happened_at <= LEAST((p).as_of, (p).counted_at)), false);

CREATE FUNCTION public.lately(moments timestamp with time zone[], span interval) RETURNS timestamp with time zone[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT at.at FROM unnest(lately.moments) at(at) WHERE (at.at > (now() - lately.span)) ORDER BY at.at);

CREATE TABLE public.reservation_line (
    store_id text NOT NULL COLLATE pg_catalog."C",
    reservation_id uuid NOT NULL,
    sku text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    asked integer NOT NULL,
    quantity integer NOT NULL,
    short integer DEFAULT 0 NOT NULL,
    collected integer DEFAULT 0 NOT NULL,
    refused integer DEFAULT 0 NOT NULL,
    returned integer DEFAULT 0 NOT NULL,
    unit_price bigint,
    total bigint,
    CONSTRAINT line_adds_up CHECK (((short >= 0) AND (collected >= 0) AND (refused >= 0) AND (((short + collected) + refused) <= quantity))),
    CONSTRAINT line_takes_what_was_asked_at_most CHECK (((asked > 0) AND ((quantity >= 0) AND (quantity <= asked)))),
    CONSTRAINT returned_was_collected CHECK (((returned >= 0) AND (returned <= collected)))
)
WITH (fillfactor='70');

CREATE FUNCTION public.line_price(line public.reservation_line, units integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN COALESCE(((line).unit_price * units), (round(((((line).total)::numeric * (units)::numeric) / ((line).asked)::numeric)))::bigint);

CREATE FUNCTION public.lock_positions(p_store text, p_skus text[], p_open boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    if p_open then
        insert into position (store_id, sku)
        select p_store, named.sku from (select distinct unnest(p_skus) collate "C" as sku) named order by named.sku
        on conflict do nothing;
    end if;
    perform from position where store_id = p_store and sku = any (p_skus) order by sku for no key update;
end $$;

CREATE FUNCTION public.move_stock(p_store text, p_moves public.stock_move[], p_actor text, p_reality boolean) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
declare
    v_short  jsonb;
    v_moves  stock_move[];
    v_stated integer[];
begin
    perform lock_positions(p_store, array(select m.sku from unnest(p_moves) m), p_reality);

    if not p_reality then
        select jsonb_agg(jsonb_build_object('sku', sku, 'asked', asked, 'available', coalesce(available, 0)) order by sku) into v_short
          from (select m.sku, sum(m.reserved)::integer as asked,
                       min(greatest(0, p.on_hand - p.reserved - p.safety_stock)) as available
                  from unnest(p_moves) m
                  left join lateral (select * from position p where p.store_id = p_store and p.sku = m.sku offset 0) p on true
                 group by m.sku having sum(m.reserved) > 0) wanted
         where asked > coalesce(available, 0);
        if v_short is not null then
            return v_short;
        end if;
    end if;

    select array_agg((m.sku, case when is_counted(p.whole, m.happened_at) then 0 else m.on_hand end, m.reserved, m.reason, m.reservation_id,
                      m.reference, m.order_ref, m.happened_at)::stock_move order by m.n),
           array_agg(m.on_hand order by m.n)
      into v_moves, v_stated
      from unnest(p_moves) with ordinality m(sku, on_hand, reserved, reason, reservation_id, reference, order_ref, happened_at, n)
     cross join lateral (select p as whole from position p where p.store_id = p_store and p.sku = m.sku offset 0) p;
    perform write_stock(p_store, v_moves, v_stated, '{}', p_actor, p_reality);
    return null;
end $$;

CREATE FUNCTION public.new_id() RETURNS uuid
    LANGUAGE sql
    RETURN (encode(set_bit(set_bit(OVERLAY(uuid_send(gen_random_uuid()) PLACING SUBSTRING(int8send(((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint) FROM 3) FROM 1 FOR 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid;

CREATE FUNCTION public.possible_steps(state text) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    RETURN CASE state WHEN 'held'::text THEN ARRAY['confirm'::text, 'cancel'::text] WHEN 'confirmed'::text THEN ARRAY['pick'::text, 'cancel'::text] WHEN 'picking'::text THEN ARRAY['shelve'::text, 'cancel'::text] WHEN 'ready'::text THEN ARRAY['unshelve'::text, 'collect'::text, 'cancel'::text, 'lapse'::text] WHEN 'collected'::text THEN ARRAY['undo'::text, 'return'::text] WHEN 'expired'::text THEN ARRAY['confirm'::text] WHEN 'uncollected'::text THEN ARRAY['collect'::text] ELSE ARRAY[]::text[] END;

CREATE FUNCTION public.record_movements(p_store text, p_moves public.stock_move[], p_actor text) RETURNS SETOF public.recorded_move
    LANGUAGE plpgsql
    AS $$
declare
    v_judged recorded_move[];
    v_moves  stock_move[];
    v_stated integer[];
begin
    perform lock_positions(p_store, array(select m.sku from unnest(p_moves) m), true);

    with told as (
        select m.*, p.place, k.id is null as is_new, coalesce(k.stated_change, k.on_hand_change) as known_change,
               k.on_hand_change as known_on_hand,
               coalesce(k.stated_change, k.on_hand_change) = m.on_hand and k.reason = m.reason
               and k.order_ref is not distinct from m.order_ref and k.happened_at = coalesce(m.happened_at, k.happened_at) as is_same,
               k.id is null and m.order_ref is not null and m.on_hand < 0 as names_order
          from unnest(p_moves) with ordinality m(sku, on_hand, reserved, reason, reservation_id, reference, order_ref, happened_at, n)
         cross join lateral (select p as place from position p where p.store_id = p_store and p.sku = m.sku offset 0) p
          left join lateral (select * from movement k
                              where k.store_id = p_store and k.reference = m.reference and k.sku = m.sku offset 0) k on true
    ), left_us as ( -- units of an order that were handed over, less those that a source has told of
        select o.order_ref, o.sku,
               coalesce((select sum(l.collected) from reservation r
                           join reservation_line l on l.store_id = r.store_id and l.reservation_id = r.id and l.sku = o.sku
                          where r.store_id = p_store and r.order_ref = o.order_ref and r.state in ('collected', 'returned')), 0)
             - coalesce((select sum(k.on_hand_change - k.stated_change) from movement k
                          where k.store_id = p_store and k.order_ref = o.order_ref and k.sku = o.sku and k.stated_change < 0), 0) as units
          from (select distinct t.order_ref, t.sku from told t where t.names_order) o
    ), weighed as (
        select t.*, coalesce(t.happened_at, now()) as at,
               case when is_counted(t.place, coalesce(t.happened_at, now())) then 0
                    when t.names_order then t.on_hand + least(-t.on_hand, greatest(0, coalesce(l.units, 0) - coalesce(
                         sum(-t.on_hand) filter (where t.names_order)
                             over (partition by t.sku, t.order_ref order by t.n rows between unbounded preceding and 1 preceding), 0)))
                    else t.on_hand end::integer as change
          from told t
          left join left_us l on t.names_order and l.order_ref = t.order_ref and l.sku = t.sku
    )
    select array_agg((n, case when is_new then 'recorded' when is_same then 'repeated' else 'differs' end,
                      case when is_new then change else known_on_hand end)::recorded_move order by n),
           coalesce(array_agg((sku, change, 0, reason, null, reference, order_ref, at)::stock_move order by n) filter (where is_new), '{}'),
           coalesce(array_agg(on_hand order by n) filter (where is_new), '{}')
      into v_judged, v_moves, v_stated
      from weighed;
    perform write_stock(p_store, v_moves, v_stated, '{}', p_actor, true);
    return query select * from unnest(v_judged);
end $$;

CREATE FUNCTION public.refuse_change_of_history() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'lines of % are never changed or deleted', tg_table_name using errcode = 'restrict_violation';
end $$;

CREATE FUNCTION public.reservation_json(r public.reservation, links text, applied boolean, step text) RETURNS json
    LANGUAGE plpgsql STABLE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

CREATE FUNCTION public.webhook_body(e public.event) RETURNS text
    LANGUAGE sql STABLE
    RETURN (json_build_object('type', (e).type, 'timestamp', public.rfc3339((e).at), 'data', ((public.event_data(e))::jsonb || jsonb_build_object('store', (e).store_id, 'position', (e)."position"))))::text;

CREATE FUNCTION public.webhook_body(e public.event, format text, fields text[], source text) RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT (json_strip_nulls(CASE webhook_body.format WHEN 'cloudevents'::text THEN json_build_object('specversion', '1.0', 'id', (webhook_body.e).id, 'source', webhook_body.source, 'type', (webhook_body.e).type, 'subject', COALESCE(((webhook_body.e).reservation_id)::text, (webhook_body.e).sku, ((webhook_body.e).id)::text), 'time', public.rfc3339((webhook_body.e).at), 'datacontenttype', 'application/json', 'traceparent', (webhook_body.e).traceparent, 'data', d.said) ELSE json_build_object('type', (webhook_body.e).type, 'timestamp', public.rfc3339((webhook_body.e).at), 'data', d.said) END))::text AS json_strip_nulls FROM (SELECT (((public.event_data(webhook_body.e))::jsonb || jsonb_build_object('store', (webhook_body.e).store_id, 'position', (webhook_body.e)."position")) || CASE WHEN (c.customer <> '{}'::jsonb) THEN jsonb_build_object('customer', c.customer) ELSE '{}'::jsonb END) AS said FROM (SELECT public.event_customer(webhook_body.e, webhook_body.fields) AS customer) c) d);

CREATE FUNCTION public.write_stock(p_store text, p_moves public.stock_move[], p_stated integer[], p_counts public.stock_count[], p_actor text, p_reality boolean) RETURNS void
    LANGUAGE plpgsql
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
begin
    insert into movement (store_id, sku, on_hand_change, reserved_change, stated_change, reason, reservation_id, reference, order_ref, actor, happened_at)
    select p_store, m.sku, m.on_hand, m.reserved, nullif(m.stated, m.on_hand), m.reason, m.reservation_id, m.reference, m.order_ref, p_actor, m.happened_at
      from unnest(p_moves, p_stated) with ordinality m(sku, on_hand, reserved, reason, reservation_id, reference, order_ref, happened_at, stated, n)
     order by m.n;

    with summed as (
        select sku, sum(on_hand)::integer as on_hand, sum(reserved)::integer as reserved
          from (select m.sku, m.on_hand, m.reserved from unnest(p_moves) m union all select c.sku, 0, 0 from unnest(p_counts) c) changed
         group by sku
    ), settled as materialized (
        select p.place, p.old, s.sku, p.on_hand + s.on_hand as on_hand, p.reserved + s.reserved as reserved,
               coalesce(c.safety_stock, p.safety_stock) as safety_stock, coalesce(c.as_of, p.as_of) as as_of,
               case when c.as_of is distinct from p.as_of and c.as_of is not null then now() else p.counted_at end as counted_at,
               case when p_reality then missing.units else least(p.shortfall, missing.units) end as shortfall
          from summed s
         cross join lateral (select p.ctid as place, p as old, p.* from position p where p.store_id = p_store and p.sku = s.sku offset 0) p
          left join unnest(p_counts) c on c.sku = s.sku,
               lateral (select greatest(0, p.reserved + s.reserved - greatest(p.on_hand + s.on_hand, 0)) as units) missing
    ), moved as (
        update position p
           set on_hand = s.on_hand, reserved = s.reserved, safety_stock = s.safety_stock, shortfall = s.shortfall,
               as_of = s.as_of, counted_at = s.counted_at, version = p.version + 1
          from settled s
         where p.ctid = s.place -- the caller has it locked, so that it stays where it is
           and (p.on_hand, p.reserved, p.safety_stock, p.shortfall, p.as_of)
               is distinct from (s.on_hand, s.reserved, s.safety_stock, s.shortfall, s.as_of)
    )
    insert into event (store_id, id, type, sku, data, actor)
    select p_store, new_id(), raised.type, s.sku,
           jsonb_build_object('on_hand', s.on_hand, 'reserved', s.reserved, 'shortfall', s.shortfall), p_actor
      from settled s,
           lateral (values ('stock.shortfall', (s.old).shortfall = 0 and s.shortfall > 0),
                           ('stock.out', (s.old).on_hand - (s.old).reserved - (s.old).safety_stock > 0
                                         and s.on_hand - s.reserved - s.safety_stock <= 0)) raised(type, holds)
     where raised.holds
     order by s.sku, raised.type;
end $$;

CREATE TABLE public.admin_session (
    id text NOT NULL COLLATE pg_catalog."C",
    secret_hash bytea NOT NULL,
    key_id text NOT NULL COLLATE pg_catalog."C",
    language text NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT admin_language_is_ours CHECK ((language = ANY (ARRAY['fr'::text, 'en'::text])))
);

CREATE TABLE public.attempt (
    store_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    failed_at timestamp with time zone[] NOT NULL,
    under_way timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    last_wrong bytea,
    CONSTRAINT attempt_kind_is_known CHECK ((kind = ANY (ARRAY['pickup_code'::text, 'pin'::text, 'pairing_code'::text])))
);

CREATE TABLE public.audit_seal (
    store_id text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL,
    events_until bigint NOT NULL,
    audit_until bigint NOT NULL,
    digest bytea NOT NULL,
    signed_with text NOT NULL,
    signature bytea NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT seals_are_numbered_from_one CHECK ((number > 0))
);

ALTER TABLE public.audit ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.board (
    store_id text NOT NULL COLLATE pg_catalog."C",
    names boolean NOT NULL,
    edition integer DEFAULT 1 NOT NULL
);

CREATE TABLE public.callback (
    provider text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    query text DEFAULT ''::text NOT NULL,
    body text,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    look_at timestamp with time zone DEFAULT now(),
    outcome text,
    CONSTRAINT callback_waits_or_has_an_outcome CHECK (((look_at IS NULL) = (outcome IS NOT NULL)))
)
WITH (fillfactor='70');

CREATE TABLE public.captured_message (
    id bigint NOT NULL,
    store_id text NOT NULL COLLATE pg_catalog."C",
    reservation_id uuid,
    message_ref text NOT NULL,
    sendings integer DEFAULT 1 NOT NULL,
    channel text NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    locale text NOT NULL,
    kind text NOT NULL,
    subject text,
    body_text text NOT NULL,
    body_html text,
    captured_at timestamp with time zone DEFAULT now() NOT NULL,
    carrier text DEFAULT 'capture'::text NOT NULL
);

ALTER TABLE public.captured_message ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.captured_message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.captured_switch (
    carrier text NOT NULL,
    channel text NOT NULL,
    off_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.carrier (
    channel text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    trouble integer DEFAULT 0 NOT NULL,
    rests integer DEFAULT 0 NOT NULL,
    rested_until timestamp with time zone,
    reason text,
    failed_at timestamp with time zone,
    CONSTRAINT trouble_is_counted_from_zero CHECK (((trouble >= 0) AND (rests >= 0)))
)
WITH (fillfactor='50');

CREATE TABLE public.clerk (
    store_id text NOT NULL COLLATE pg_catalog."C",
    id uuid NOT NULL,
    name text NOT NULL,
    pin_hash text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    left_at timestamp with time zone
);

CREATE TABLE public.clerk_session (
    store_id text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    device_id text NOT NULL COLLATE pg_catalog."C",
    clerk_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    active_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone
);

CREATE TABLE public.delivery (
    store_id text NOT NULL COLLATE pg_catalog."C",
    id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_seq bigint,
    message_id uuid NOT NULL,
    type text NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    body text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now(),
    lease_until timestamp with time zone,
    last_status smallint,
    reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    delivered_at timestamp with time zone,
    format text DEFAULT 'standard'::text NOT NULL,
    personal boolean DEFAULT false NOT NULL,
    CONSTRAINT delivery_is_never_in_limbo CHECK ((((state <> 'pending'::text) OR (next_attempt_at IS NOT NULL)) AND ((state <> 'sending'::text) OR (lease_until IS NOT NULL)))),
    CONSTRAINT delivery_state_is_known CHECK ((state = ANY (ARRAY['pending'::text, 'sending'::text, 'delivered'::text, 'dead'::text])))
)
WITH (fillfactor='70');

CREATE TABLE public.device (
    id text NOT NULL COLLATE pg_catalog."C",
    store_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    language text,
    code_hash bytea,
    code_until timestamp with time zone,
    secret_hash bytea,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    paired_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT device_language_is_ours CHECK ((language = ANY (ARRAY['fr'::text, 'en'::text]))),
    CONSTRAINT device_waits_or_is_paired CHECK ((((code_hash IS NULL) = (code_until IS NULL)) AND ((secret_hash IS NULL) = (paired_at IS NULL)))),
    CONSTRAINT pairing_code_opens_once CHECK (((code_hash IS NULL) OR (secret_hash IS NULL)))
);

ALTER TABLE public.event ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.event_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.idempotency (
    store_id text NOT NULL COLLATE pg_catalog."C",
    credential text NOT NULL COLLATE pg_catalog."C",
    operation text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.import (
    id uuid NOT NULL,
    kind text NOT NULL,
    mode text,
    dry_run boolean DEFAULT false NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    lines integer DEFAULT 0 NOT NULL,
    applied integer DEFAULT 0 NOT NULL,
    passed_over integer DEFAULT 0 NOT NULL,
    zeroed integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    errors jsonb DEFAULT '[]'::jsonb NOT NULL,
    reason text,
    actor text NOT NULL COLLATE pg_catalog."C",
    key text COLLATE pg_catalog."C",
    fingerprint bytea,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT import_kind_is_known CHECK ((kind = ANY (ARRAY['stock'::text, 'items'::text]))),
    CONSTRAINT import_state_is_known CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text])))
);

CREATE TABLE public.import_line (
    import_id uuid NOT NULL,
    store_id text NOT NULL COLLATE pg_catalog."C",
    sku text NOT NULL COLLATE pg_catalog."C"
);

CREATE TABLE public.item (
    sku text NOT NULL COLLATE pg_catalog."C",
    version integer DEFAULT 1 NOT NULL,
    name text NOT NULL,
    names jsonb,
    gtin text,
    image_url text,
    price bigint,
    currency text,
    preparation_minutes integer,
    shelf jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sku_is_short CHECK (((length(sku) >= 1) AND (length(sku) <= 64)))
);

CREATE TABLE public.key (
    id text NOT NULL COLLATE pg_catalog."C",
    secret_hash bytea NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    stores text[],
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT key_has_scopes CHECK ((cardinality(scopes) > 0))
);

CREATE TABLE public.message_policy (
    store_id text NOT NULL COLLATE pg_catalog."C",
    version integer DEFAULT 1 NOT NULL,
    policy jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.message_template (
    kind text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    locale text NOT NULL COLLATE pg_catalog."C",
    version integer DEFAULT 1 NOT NULL,
    parts jsonb NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    failed_at timestamp with time zone,
    failure text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.movement (
    store_id text NOT NULL COLLATE pg_catalog."C",
    sku text NOT NULL COLLATE pg_catalog."C",
    id bigint NOT NULL,
    on_hand_change integer NOT NULL,
    reserved_change integer NOT NULL,
    stated_change integer,
    reason text NOT NULL,
    reservation_id uuid,
    reference text,
    order_ref text,
    actor text NOT NULL,
    happened_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.movement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.movement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notification (
    store_id text NOT NULL COLLATE pg_catalog."C",
    id uuid NOT NULL,
    event_seq bigint NOT NULL,
    reservation_id uuid NOT NULL,
    kind text NOT NULL,
    channel text NOT NULL,
    person text DEFAULT 'customer'::text NOT NULL,
    address text,
    locale text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    doubts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    lease_until timestamp with time zone,
    begun_at timestamp with time zone,
    provider text,
    provider_ref text,
    reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    fallback text,
    quiet_from time without time zone,
    quiet_to time without time zone,
    too_late_at timestamp with time zone,
    fallback_quiet_from time without time zone,
    fallback_quiet_to time without time zone,
    doubted_since timestamp with time zone,
    revivals integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    quiet boolean DEFAULT true NOT NULL,
    CONSTRAINT doubt_is_never_forgotten CHECK (((doubts = 0) OR (state <> 'pending'::text))),
    CONSTRAINT fallback_is_another_channel CHECK ((fallback <> channel)),
    CONSTRAINT notification_is_never_in_limbo CHECK ((((state <> 'pending'::text) OR (next_attempt_at IS NOT NULL)) AND ((state <> 'sending'::text) OR (lease_until IS NOT NULL)))),
    CONSTRAINT notification_state_is_known CHECK ((state = ANY (ARRAY['pending'::text, 'sending'::text, 'accepted'::text, 'delivered'::text, 'unknown'::text, 'failed'::text, 'suppressed'::text]))),
    CONSTRAINT quiet_hours_have_two_ends CHECK (((quiet_from IS NULL) = (quiet_to IS NULL)))
)
WITH (fillfactor='70');

CREATE TABLE public.opt_out (
    channel text NOT NULL COLLATE pg_catalog."C",
    address_hash bytea NOT NULL,
    reason text NOT NULL,
    opted_out_by text NOT NULL,
    opted_out_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.receipt (
    store_id text NOT NULL COLLATE pg_catalog."C",
    notification_id uuid NOT NULL,
    provider text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    reason text,
    received_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.reply (
    store_id text NOT NULL COLLATE pg_catalog."C",
    id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    channel text NOT NULL,
    body text,
    stop boolean DEFAULT false NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    person text DEFAULT 'customer'::text NOT NULL,
    notification_id uuid
);

CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);

CREATE TABLE public.slot (
    store_id text NOT NULL COLLATE pg_catalog."C",
    starts_at timestamp with time zone NOT NULL,
    capacity integer NOT NULL,
    taken integer DEFAULT 0 NOT NULL,
    CONSTRAINT slot_is_not_overbooked CHECK (((taken >= 0) AND (taken <= capacity)))
)
WITH (fillfactor='50');

CREATE TABLE public.store (
    id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    name text NOT NULL,
    time_zone text NOT NULL,
    address jsonb,
    latitude double precision,
    longitude double precision,
    phone text,
    gln text,
    opening_hours jsonb DEFAULT '[]'::jsonb NOT NULL,
    exceptional_days jsonb DEFAULT '[]'::jsonb NOT NULL,
    public_holidays text,
    preparation_minutes integer DEFAULT 120 NOT NULL,
    parallel_orders integer DEFAULT 1 NOT NULL,
    cut_off text,
    slots jsonb,
    hold_seconds integer DEFAULT 900 NOT NULL,
    collect_days integer DEFAULT 3 NOT NULL,
    instructions jsonb,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT parallel_orders_is_positive CHECK ((parallel_orders > 0)),
    CONSTRAINT preparation_is_not_negative CHECK ((preparation_minutes >= 0)),
    CONSTRAINT store_id_is_short CHECK (((length(id) >= 1) AND (length(id) <= 64)))
);

ALTER TABLE public.store ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.store_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    MAXVALUE 279840
    CACHE 1
);

CREATE TABLE public.stream (
    store_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.survey_answer (
    store_id text NOT NULL COLLATE pg_catalog."C",
    reservation_id uuid NOT NULL,
    score smallint NOT NULL,
    comment text,
    answered_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT score_is_from_nought_to_ten CHECK (((score >= 0) AND (score <= 10)))
);

CREATE TABLE public.webhook_endpoint (
    id uuid NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    url text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    events text[] DEFAULT '{}'::text[] NOT NULL,
    stores text[],
    active boolean DEFAULT true NOT NULL,
    secret text NOT NULL,
    old_secret text,
    old_secret_until timestamp with time zone,
    failing_since timestamp with time zone,
    rest_until timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    format text DEFAULT 'standard'::text NOT NULL,
    fields text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT old_secret_has_an_end CHECK (((old_secret IS NULL) = (old_secret_until IS NULL))),
    CONSTRAINT webhook_format_is_known CHECK ((format = ANY (ARRAY['standard'::text, 'cloudevents'::text]))),
    CONSTRAINT what_is_deleted_is_off CHECK (((deleted_at IS NULL) OR (NOT active)))
)
WITH (fillfactor='50');

CREATE TABLE public.worker (
    id uuid NOT NULL,
    host text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    passed_over jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE ONLY public.admin_session
    ADD CONSTRAINT admin_session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (store_id, kind, subject);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (store_id, seq);

ALTER TABLE ONLY public.audit_seal
    ADD CONSTRAINT audit_seal_pkey PRIMARY KEY (store_id, number);

ALTER TABLE ONLY public.board
    ADD CONSTRAINT board_pkey PRIMARY KEY (store_id);

ALTER TABLE ONLY public.callback
    ADD CONSTRAINT callback_pkey PRIMARY KEY (provider, event_id);

ALTER TABLE ONLY public.captured_message
    ADD CONSTRAINT captured_message_pkey PRIMARY KEY (store_id, id);

ALTER TABLE ONLY public.captured_switch
    ADD CONSTRAINT captured_switch_pkey PRIMARY KEY (carrier, channel);

ALTER TABLE ONLY public.carrier
    ADD CONSTRAINT carrier_pkey PRIMARY KEY (channel, name);

ALTER TABLE ONLY public.clerk
    ADD CONSTRAINT clerk_pkey PRIMARY KEY (store_id, id);

ALTER TABLE ONLY public.clerk_session
    ADD CONSTRAINT clerk_session_pkey PRIMARY KEY (store_id, id);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_is_owed_once UNIQUE (store_id, event_seq, endpoint_id);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (store_id, id);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (store_id, seq);

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (store_id, credential, operation, key);

ALTER TABLE ONLY public.import
    ADD CONSTRAINT import_is_found_by_its_key UNIQUE (actor, kind, key);

ALTER TABLE ONLY public.import_line
    ADD CONSTRAINT import_line_pkey PRIMARY KEY (import_id, store_id, sku);

ALTER TABLE ONLY public.import
    ADD CONSTRAINT import_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (sku);

ALTER TABLE ONLY public.key
    ADD CONSTRAINT key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.captured_message
    ADD CONSTRAINT message_is_captured_once UNIQUE (store_id, message_ref);

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT message_is_sent_once UNIQUE (store_id, event_seq, channel, person);

ALTER TABLE ONLY public.message_policy
    ADD CONSTRAINT message_policy_pkey PRIMARY KEY (store_id);

ALTER TABLE ONLY public.message_template
    ADD CONSTRAINT message_template_pkey PRIMARY KEY (kind, channel, locale);

ALTER TABLE ONLY public.movement
    ADD CONSTRAINT movement_pkey PRIMARY KEY (store_id, sku, id);

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (store_id, id);

ALTER TABLE ONLY public.opt_out
    ADD CONSTRAINT opt_out_pkey PRIMARY KEY (channel, address_hash);

ALTER TABLE ONLY public."position"
    ADD CONSTRAINT position_pkey PRIMARY KEY (store_id, sku);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (store_id, notification_id, provider, status);

ALTER TABLE ONLY public.reply
    ADD CONSTRAINT reply_pkey PRIMARY KEY (store_id, id);

ALTER TABLE ONLY public.reservation_line
    ADD CONSTRAINT reservation_line_pkey PRIMARY KEY (store_id, reservation_id, sku);

ALTER TABLE ONLY public.reservation
    ADD CONSTRAINT reservation_pkey PRIMARY KEY (store_id, id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.slot
    ADD CONSTRAINT slot_pkey PRIMARY KEY (store_id, starts_at);

ALTER TABLE ONLY public.store
    ADD CONSTRAINT store_number_key UNIQUE (number);

ALTER TABLE ONLY public.store
    ADD CONSTRAINT store_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.stream
    ADD CONSTRAINT stream_pkey PRIMARY KEY (store_id);

ALTER TABLE ONLY public.survey_answer
    ADD CONSTRAINT survey_answer_pkey PRIMARY KEY (store_id, reservation_id);

ALTER TABLE ONLY public.webhook_endpoint
    ADD CONSTRAINT webhook_endpoint_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (id);

CREATE INDEX audit_newest ON public.audit USING btree (seq);

CREATE UNIQUE INDEX audit_stream ON public.audit USING btree (store_id, "position") WHERE ("position" IS NOT NULL);

CREATE INDEX audit_unsealed ON public.audit USING btree (store_id, seq) WHERE ("position" IS NULL);

CREATE INDEX callback_by_age ON public.callback USING brin (received_at);

CREATE INDEX callback_waits ON public.callback USING btree (look_at) WHERE (look_at IS NOT NULL);

CREATE INDEX captured_newest ON public.captured_message USING btree (id);

CREATE INDEX clerk_session_open ON public.clerk_session USING btree (store_id, clerk_id) WHERE (ended_at IS NULL);

CREATE INDEX delivery_by_age ON public.delivery USING brin (created_at);

CREATE INDEX delivery_by_state ON public.delivery USING btree (endpoint_id, state, id);

CREATE INDEX delivery_due ON public.delivery USING btree (endpoint_id, next_attempt_at) WHERE (state = 'pending'::text);

CREATE INDEX delivery_in_line ON public.delivery USING btree (endpoint_id, store_id, subject, event_seq) WHERE (state = ANY (ARRAY['pending'::text, 'sending'::text]));

CREATE INDEX delivery_leased ON public.delivery USING btree (lease_until) WHERE (state = 'sending'::text);

CREATE UNIQUE INDEX device_pairing ON public.device USING btree (code_hash) WHERE (code_hash IS NOT NULL);

CREATE UNIQUE INDEX event_is_next_version ON public.event USING btree (store_id, reservation_id, version) WHERE (version IS NOT NULL);

CREATE UNIQUE INDEX event_stream ON public.event USING btree (store_id, "position") WHERE ("position" IS NOT NULL);

CREATE INDEX event_unrelayed ON public.event USING btree (store_id, seq) WHERE ("position" IS NULL);

CREATE INDEX idempotency_by_age ON public.idempotency USING brin (created_at);

CREATE INDEX idempotency_by_reservation ON public.idempotency USING btree (store_id, SUBSTRING(body FROM 8 FOR 36)) WHERE (body ~~ '{"id":"%'::text);

CREATE INDEX item_by_gtin ON public.item USING btree (gtin) WHERE (gtin IS NOT NULL);

CREATE UNIQUE INDEX movement_is_recorded_once ON public.movement USING btree (store_id, reference, sku) WHERE (reference IS NOT NULL);

CREATE INDEX movement_of_order ON public.movement USING btree (store_id, order_ref, sku) WHERE (order_ref IS NOT NULL);

CREATE INDEX movement_since_count ON public.movement USING btree (store_id, sku, happened_at) WHERE (on_hand_change <> 0);

CREATE INDEX notification_by_id ON public.notification USING btree (id);

CREATE INDEX notification_by_phone ON public.notification USING btree (address) WHERE ((channel = 'sms'::text) AND (address IS NOT NULL));

CREATE INDEX notification_by_provider_ref ON public.notification USING btree (provider, provider_ref) WHERE (provider_ref IS NOT NULL);

CREATE INDEX notification_by_sealed_phone ON public.notification USING btree ("left"(address, 21)) WHERE ((channel = 'sms'::text) AND (person = 'delegate'::text) AND (address IS NOT NULL));

CREATE INDEX notification_dead ON public.notification USING btree (id) WHERE (state = ANY (ARRAY['failed'::text, 'unknown'::text]));

CREATE INDEX notification_due ON public.notification USING btree (channel, next_attempt_at) WHERE (state = ANY (ARRAY['pending'::text, 'unknown'::text]));

CREATE INDEX notification_in_doubt ON public.notification USING btree (channel, next_attempt_at) WHERE ((state = 'unknown'::text) AND (next_attempt_at IS NOT NULL));

CREATE INDEX notification_leased ON public.notification USING btree (lease_until) WHERE (state = 'sending'::text);

CREATE INDEX notification_of_reservation ON public.notification USING btree (store_id, reservation_id);

CREATE INDEX notification_tried ON public.notification USING btree (due_at) WHERE ((attempts > 0) AND (state = ANY (ARRAY['pending'::text, 'sending'::text])));

CREATE UNIQUE INDEX order_has_one_standing_reservation ON public.reservation USING btree (store_id, order_ref) WHERE (state <> ALL (ARRAY['cancelled'::text, 'expired'::text, 'uncollected'::text]));

CREATE UNIQUE INDEX pickup_code_opens_one_reservation ON public.reservation USING btree (store_id, pickup_code) WHERE (pickup_code IS NOT NULL);

CREATE INDEX reply_of_reservation ON public.reply USING btree (store_id, reservation_id, id);

CREATE INDEX reservation_by_customer ON public.reservation USING btree (customer_ref, store_id) WHERE (customer_ref IS NOT NULL);

CREATE INDEX reservation_by_delegate ON public.reservation USING btree ("left"(delegate_phone, 21), store_id) WHERE (delegate_phone IS NOT NULL);

CREATE INDEX reservation_by_email ON public.reservation USING btree ("left"(email, 21), store_id) WHERE (email IS NOT NULL);

CREATE INDEX reservation_by_order ON public.reservation USING btree (order_ref, store_id);

CREATE INDEX reservation_by_phone ON public.reservation USING btree (phone, store_id) WHERE (phone IS NOT NULL);

CREATE INDEX reservation_ended ON public.reservation USING btree (store_id, ended_at DESC) WHERE (ended_at IS NOT NULL);

CREATE INDEX reservation_open ON public.reservation USING btree (store_id, state, due_at) WHERE (state = ANY (ARRAY['held'::text, 'confirmed'::text, 'picking'::text, 'ready'::text]));

CREATE INDEX reservation_to_forget ON public.reservation USING btree (store_id, ended_at) WHERE ((ended_at IS NOT NULL) AND (customer_name IS NOT NULL));

CREATE INDEX reservation_to_forget_early ON public.reservation USING btree (store_id, ended_at) WHERE ((erase_asked_at IS NOT NULL) AND (customer_name IS NOT NULL));

CREATE INDEX reservation_to_put_back ON public.reservation USING btree (store_id, ended_at) WHERE ((state = ANY (ARRAY['uncollected'::text, 'cancelled'::text])) AND (ready_at IS NOT NULL) AND (put_back_at IS NULL));

CREATE INDEX survey_answer_by_age ON public.survey_answer USING btree (store_id, answered_at);

CREATE TRIGGER audit_is_immutable BEFORE DELETE OR UPDATE OF store_id, seq, actor, action, subject, facts, at ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

CREATE TRIGGER movement_is_immutable BEFORE DELETE OR UPDATE ON public.movement FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

ALTER TABLE ONLY public.admin_session
    ADD CONSTRAINT admin_session_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.key(id);

ALTER TABLE ONLY public.board
    ADD CONSTRAINT board_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.clerk_session
    ADD CONSTRAINT clerk_session_device_id_fkey FOREIGN KEY (device_id) REFERENCES public.device(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.clerk_session
    ADD CONSTRAINT clerk_session_store_id_clerk_id_fkey FOREIGN KEY (store_id, clerk_id) REFERENCES public.clerk(store_id, id);

ALTER TABLE ONLY public.clerk
    ADD CONSTRAINT clerk_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.webhook_endpoint(id);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_store_id_event_seq_fkey FOREIGN KEY (store_id, event_seq) REFERENCES public.event(store_id, seq);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.import_line
    ADD CONSTRAINT import_line_import_id_fkey FOREIGN KEY (import_id) REFERENCES public.import(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_store_id_event_seq_fkey FOREIGN KEY (store_id, event_seq) REFERENCES public.event(store_id, seq);

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public."position"
    ADD CONSTRAINT position_sku_fkey FOREIGN KEY (sku) REFERENCES public.item(sku);

ALTER TABLE ONLY public."position"
    ADD CONSTRAINT position_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_store_id_notification_id_fkey FOREIGN KEY (store_id, notification_id) REFERENCES public.notification(store_id, id);

ALTER TABLE ONLY public.reply
    ADD CONSTRAINT reply_store_id_reservation_id_fkey FOREIGN KEY (store_id, reservation_id) REFERENCES public.reservation(store_id, id);

ALTER TABLE ONLY public.reservation_line
    ADD CONSTRAINT reservation_line_store_id_reservation_id_fkey FOREIGN KEY (store_id, reservation_id) REFERENCES public.reservation(store_id, id);

ALTER TABLE ONLY public.reservation
    ADD CONSTRAINT reservation_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.slot
    ADD CONSTRAINT slot_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.stream
    ADD CONSTRAINT stream_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.survey_answer
    ADD CONSTRAINT survey_answer_store_id_reservation_id_fkey FOREIGN KEY (store_id, reservation_id) REFERENCES public.reservation(store_id, id);
