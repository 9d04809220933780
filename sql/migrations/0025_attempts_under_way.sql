-- migrate:up

-- Attempts that are not judged yet: they count for ten seconds, so that one whose process died does not for a quarter of an hour.
alter table attempt add column under_way timestamptz[] not null default '{}';

create function lately(moments timestamptz[], span interval) returns timestamptz[]
language sql stable parallel safe
return array(select at from unnest(moments) at where at > now() - span order by at);

-- migrate:down
drop function lately(timestamptz[], interval);
alter table attempt drop column under_way;
