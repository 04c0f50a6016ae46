-- The log stays locked until an append is visible, and no longer until the disk has it as well: whoever waits for the lock appends while
-- the disk is waited for (docs/decisions/0002). Until then an append may be undone, by a crash of the server, together with all that was
-- committed after it; therefore nobody hears of it before, and readers hand on nothing that lies beyond what they have heard of.

create or replace function log.append(batch json) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
as $$
declare
  outcomes json;
  newest bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'log.append needs read committed' using errcode = 'invalid_transaction_state';
  end if;
  perform pg_advisory_xact_lock(7235421907614328);

  with given as materialized (
    select * from json_to_recordset(batch)
      as g(w integer, i integer, n integer, s text, a integer, id uuid, t text, b integer, d text, m text)
  ), judged as materialized (
    select g.w, g.n, g.s, g.a,
      coalesce((select e.revision from log.events e where e.stream = g.s order by e.revision desc limit 1), -1) as actual
    from given g where g.i = 0
  ), placed as materialized (
    select j.*, case when j.a = j.actual then
        coalesce((select e.position from log.events e order by e.position desc limit 1), 0)
        + sum(j.n) filter (where j.a = j.actual) over (order by j.w)
      end::bigint as last
    from judged j
  ), repeated as materialized (
    select p.w, max(e.position) as last
    from placed p
    join given g on g.w = p.w
    left join lateral (
      select e.id, e.position from log.events e where e.stream = p.s and e.revision = p.a + 1 + g.i offset 0
    ) e on true
    where p.a < p.actual
    group by p.w
    having bool_and(coalesce(e.id = g.id, false))
  ), written as (
    insert into log.events (position, revision, bytes, id, stream, type, data, metadata)
    select p.last - p.n + 1 + g.i, p.a + 1 + g.i, g.b, g.id, p.s, g.t, g.d::json, g.m::json
    from given g join placed p on p.w = g.w
    where p.last is not null
    order by 1
  )
  select max(p.last),
    json_agg(case when coalesce(p.last, r.last) is null then json_build_array(p.actual)
      else json_build_array(p.a + p.n, coalesce(p.last, r.last)::text) end order by p.w)
  into newest, outcomes
  from placed p left join repeated r on r.w = p.w;

  -- Whoever commits without waiting for the disk tells of it when the disk has it.
  if newest is not null and current_setting('synchronous_commit') <> 'off' then
    perform pg_notify('tidings_log', newest::text);
  end if;
  return outcomes;
end $$;

-- Appends as log.append does, in a transaction of its own, and answers when the disk has it. An error of SQLSTATE 55P03 (the log was locked by
-- others for as long as lock_timeout says), of class 22 or 54001 (the batch itself) means that nothing was written; any other may come after.
create procedure log.append_to_disk(batch json, inout outcomes json default null)
language plpgsql
as $$
declare
  newest bigint;
begin
  set local synchronous_commit = off;
  outcomes := log.append(batch);
  commit;
  -- The waiting is over; what follows may be waited for as long as the whole call.
  set local lock_timeout = 0;
  select max((o ->> 1)::bigint) into newest from json_array_elements(outcomes) o;
  if newest is not null then
    -- Something to commit: that waits for the disk, as the session is set, and with it for all that was committed before.
    perform pg_logical_emit_message(true, 'tidings', '');
    perform pg_notify('tidings_log', newest::text);
  end if;
end $$;

revoke all on procedure log.append_to_disk(json, json) from public;
grant execute on procedure log.append_to_disk(json, json) to tidings_worker;
