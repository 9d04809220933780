-- migrate:up

-- What a customer says after the order was handed over: one answer per reservation, theirs to change for a day.
create table survey_answer (
    store_id       text collate "C" not null,
    reservation_id uuid not null,
    score          smallint not null,
    comment        text,             -- it may say anything: sealed, see service/sealing.py
    answered_at    timestamptz not null default now(),
    changed_at     timestamptz not null default now(),
    primary key (store_id, reservation_id),
    foreign key (store_id, reservation_id) references reservation,
    constraint score_is_from_nought_to_ten check (score between 0 and 10)
);
create index survey_answer_by_age on survey_answer (store_id, answered_at);

-- migrate:down
drop table survey_answer;
