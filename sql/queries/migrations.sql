-- name: level
-- The newest migration that was applied.
select max(version) from schema_migrations;
