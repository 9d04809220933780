-- name: stores
-- Every store; each is then tidied on its own.
select id from store order by id;
