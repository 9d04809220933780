\set s random(1, 20)
\set a random(1, 333)
\set b random(334, 666)
\set c random(667, 1000)
with one as (
    select gen_random_uuid() as id, 's' || lpad((:s::int)::text, 2, '0') as store, array['i' || :a::int, 'i' || :b::int, 'i' || :c::int] as skus
)
select 1 / (h.outcome = 'held')::int
  from one, lateral hold(
    array[row(store, id, id::text, 'key:000000000000', 'POST /v1/stores/' || store || '/reservations',
              '\x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'::bytea, id::text, 'web', null,
              'Camille Durand', 'camille@atelier.example', '+33639981234', 'fr', null, null, null, null, null, null,
              false, 'take', false, substr(id::text, 25, 12), substr(id::text, 1, 24), 0, 900, now() + interval '2 hours',
              'key:000000000000', false)::hold_request],
    array[row(1, 1, skus[1], 1, null, null, null)::hold_line, row(1, 2, skus[2], 1, null, null, null)::hold_line,
          row(1, 3, skus[3], 1, null, null, null)::hold_line],
    array[store, store, store], skus, '{}', '{}', 'https://shop.example/p/') h;
