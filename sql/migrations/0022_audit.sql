-- migrate:up

-- Who changed what about the shop itself: keys, stores, devices, templates, endpoints, imports, what was handed out or
-- forgotten. Written in the transaction of the change. What happens to reservations and stock is in event and movement.
create table audit (
    store_id text collate "C" not null,  -- '' where it is about no store, or several
    seq      bigint generated always as identity,
    position bigint,                     -- given when it is sealed: what commits late comes later
    actor    text not null,
    action   text not null,
    subject  text not null,              -- an id, never a person's name
    facts    jsonb,                      -- nothing personal
    at       timestamptz not null default now(),
    primary key (store_id, seq)
);
create index audit_newest on audit (seq);
create index audit_unsealed on audit (store_id, seq) where position is null;
create unique index audit_stream on audit (store_id, position) where position is not null;
create trigger audit_is_immutable before delete or update of store_id, seq, actor, action, subject, facts, at on audit
    for each statement execute function refuse_change_of_history();

-- Each seal covers the events and audit lines since the one before it, and that one's digest: a chain per store.
-- The signature's key is in no database, so that whoever can write here can't make the chain anew.
create table audit_seal (
    store_id     text collate "C" not null,
    number       bigint not null,
    events_until bigint not null,        -- the last event's position
    audit_until  bigint not null,
    digest       bytea not null,
    signed_with  text not null,          -- the key's name
    signature    bytea not null,
    at           timestamptz not null default now(),
    primary key (store_id, number),
    constraint seals_are_numbered_from_one check (number > 0)
);

-- What a seal says of a part of a store's history. What a person wrote freely is left out: it is forgotten one day.
create function history_digest(p_store text, p_before bytea, p_events_after bigint, p_events_until bigint,
                               p_audit_after bigint, p_audit_until bigint) returns bytea stable language sql
return sha256(coalesce(p_before, '') || convert_to(
    p_store || E'\n'
    || coalesce((select string_agg(json_build_array(
                            e.position, e.seq, e.id, e.type, e.reservation_id, e.version, e.action, e.source, e.target, e.sku,
                            e.notification_id, e.data - array['reason', 'text', 'note'], e.actor, rfc3339(e.at), rfc3339(e.happened_at))::text,
                            E'\n' order by e.position)
                   from event e
                  where e.store_id = p_store and e.position > p_events_after and e.position <= p_events_until), '')
    || E'\n\n'
    || coalesce((select string_agg(json_build_array(
                            a.position, a.seq, a.actor, a.action, a.subject, a.facts, rfc3339(a.at))::text,
                            E'\n' order by a.position)
                   from audit a
                  where a.store_id = p_store and a.position > p_audit_after and a.position <= p_audit_until), ''), 'UTF8'));

-- migrate:down
drop function history_digest;
drop table audit_seal;
drop table audit;
