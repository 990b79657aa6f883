-- The clock of the house: everything that compares times asks app_now(). Tests move it by writing this one row; a
-- session setting would not reach the next statement where each has a connection of its own.
create table app_clock (
  only_row boolean primary key default true check (only_row),
  frozen_at timestamptz,
  shift interval not null default '0'
);
--> statement-breakpoint
insert into app_clock default values;
--> statement-breakpoint
create function app_now() returns timestamptz language sql stable parallel safe
as $$ select coalesce(frozen_at, now()) + shift from app_clock $$;
