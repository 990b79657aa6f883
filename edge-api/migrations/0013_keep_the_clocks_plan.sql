-- A function in SQL is parsed and planned anew by each statement that calls it, once for every place; PL/pgSQL keeps the plan for a session.
create or replace function app_now() returns timestamptz language plpgsql stable parallel safe
as $$ begin return (select coalesce(frozen_at, now()) + shift from app_clock); end $$;
