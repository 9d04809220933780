-- name: capture
-- Keep what would have been sent; the same again (by its Message-ID) is counted, and not kept twice. How often it came.
-- Nothing while this carrier is switched off.
insert into captured_message (store_id, reservation_id, message_ref, channel, sender, recipient, locale, kind, subject, body_text, body_html, carrier)
select :store, :reservation, :ref, :channel::text, :sender, :recipient, :locale, :kind, :subject, :text, :html, :carrier::text
 where not exists (select from captured_switch s where s.carrier = :carrier and s.channel = :channel)
on conflict on constraint message_is_captured_once do update set sendings = captured_message.sendings + 1
returning sendings;

-- name: is_captured
-- Whether this message came.
select exists (select from captured_message where store_id = :store and message_ref = :ref);

-- name: forget
-- Captured messages of more than 30 days ago, some thousand at a time.
delete from captured_message
 where (store_id, id) in (select store_id, id from captured_message where captured_at < now() - interval '30 days' order by id limit 1000);
