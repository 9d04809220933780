-- migrate:up

-- What was wrong last, as a digest: said again at once, it is the same attempt, not another.
alter table attempt add column last_wrong bytea;

-- migrate:down
alter table attempt drop column last_wrong;
