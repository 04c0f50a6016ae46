-- Partitions by month and the outward status of a delivery, for the read model `notifications`.

-- Makes the month's partition of a table if it is not there. The worker, which may not create tables, calls it when it meets a month
-- for the first time. Rights and row-level security are the parent's: nobody is granted a partition by itself.
create or replace function tidings_month_partition(parent text, month date) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  first date := date_trunc('month', month);
  child text := parent || to_char(first, '"_y"YYYY"m"MM');
begin
  if parent !~ '^[a-z_]+_v[0-9]+$' then
    raise exception 'not a read model: %', parent;
  end if;
  if to_regclass(child) is null then
    perform pg_advisory_xact_lock(hashtext(child));
    -- Half of each page is left for the changes that follow soon after a row was made.
    execute format('create table if not exists %I partition of %I for values from (%L) to (%L) with (fillfactor = 50)',
                   child, parent, first, first + interval '1 month');
  end if;
end;
$$;
revoke execute on function tidings_month_partition(text, date) from public;
grant execute on function tidings_month_partition(text, date) to tidings_worker;

-- What a delivery is called outside: what its hand-off says, overtaken by what came after it. A complaint tells more than a bounce, a
-- bounce more than a confirmation; what was never sent has none of them.
create or replace function tidings_delivery_status(base text, feedback jsonb) returns text
language sql immutable parallel safe as $$
  select case
    when feedback is null or base in ('queued', 'deferred', 'suppressed', 'cancelled', 'expired') then base
    when feedback ? 'complainedAt' then 'complained'
    when feedback ? 'bouncedAt' then 'bounced'
    when feedback ?| array['deliveredAt', 'openedAt', 'clickedAt', 'readAt'] then 'delivered'
    else base
  end
$$;
grant execute on function tidings_delivery_status(text, jsonb) to tidings_api, tidings_worker;

-- The first instant of each kind, whatever the order of arrival; of the kinds of bounce the gravest (hard, soft, undetermined: their
-- alphabetical order is their gravity).
create or replace function tidings_merge_feedback(a jsonb, b jsonb) returns jsonb
language sql immutable parallel safe as $$
  select jsonb_object_agg(key, value) from (
    select key, min(value collate "C") as value
      from (select * from jsonb_each_text(coalesce(a, '{}')) union all select * from jsonb_each_text(coalesce(b, '{}'))) both_sides
     group by key) merged
$$;
grant execute on function tidings_merge_feedback(jsonb, jsonb) to tidings_worker;
