-- name: listed
-- Every template of the shop.
select t.kind, t.channel, t.locale, t.version, t.parts, t.failures, t.failed_at, t.failure, t.created_at, t.updated_at
  from message_template t
 order by t.kind, t.channel, t.locale;

-- name: find
-- One of them.
select t.kind, t.channel, t.locale, t.version, t.parts, t.failures, t.failed_at, t.failure, t.created_at, t.updated_at
  from message_template t
 where t.kind = :kind and t.channel = :channel and t.locale = :locale;

-- name: make
-- A template where there was none; nothing where there is one.
insert into message_template (kind, channel, locale, parts) values (:kind, :channel, :locale, :parts)
on conflict (kind, channel, locale) do nothing
returning version;

-- name: replace
-- All of a template, where its version is the expected one (null: any); what failed before is forgotten.
update message_template
   set parts = :parts, version = version + 1, updated_at = now(), failures = 0, failed_at = null, failure = null
 where kind = :kind and channel = :channel and locale = :locale and (:expected::integer is null or version = :expected)
returning version;

-- name: remove
-- From now on our words go out.
delete from message_template where kind = :kind and channel = :channel and locale = :locale;

-- name: note_failure
-- It could not be filled, and ours went out instead.
update message_template
   set failures = failures + 1, failed_at = now(), failure = :failure
 where kind = :kind and channel = :channel and locale = :locale;

-- name: failures
-- How often templates could not be filled since they were written.
select t.kind || ' ' || t.channel || ' ' || t.locale as template, t.failures from message_template t order by 1;
