-- migrate:up

-- One plan for all calls: left to itself, PostgreSQL plans each call anew, which takes four times as long as reading.
alter function reservation_json set plan_cache_mode = force_generic_plan;

-- migrate:down
alter function reservation_json reset plan_cache_mode;
