-- name: carry
-- Until the transaction ends, events say which trace they belong to.
select set_config('comptoir.traceparent', :traceparent, true);
