-- The log (docs/architecture.md). Rows are only ever added, and only by log.append; the newest row is never deleted, because
-- positions go on from it. Everything else is built from here.
create schema log;

create table log.events (
  -- Dense, from 1, in the order of commits: `position > $1 order by position` can never skip an event.
  position bigint primary key,
  -- From 0, dense within its stream.
  revision integer not null,
  -- UTF-8 bytes of id, type, data and metadata: what bounds a page without unpacking what it leaves out.
  bytes integer not null,
  id uuid not null,
  stream text collate "C" not null,
  type text collate "C" not null,
  -- `json` and not `jsonb`: it keeps the text as it was given, which is what digests and the audit chain run over.
  data json not null,
  metadata json not null,
  unique (stream, revision)
);

comment on table log.events is 'The event log: append only, positions dense and in commit order.';

do $$
begin
  alter table log.events alter column data set compression lz4, alter column metadata set compression lz4;
exception when feature_not_supported then
  raise notice 'this server was built without lz4: long events are stored with pglz';
end $$;

-- Appends a batch of writes to different streams, each judged on its own: one that is refused takes no neighbour with it.
--
-- `batch` is an array with one object per event: w: number of its write, from 0; i: its index in the write; s: stream;
-- a: revision that the stream must have (-1: it must not exist); id; t: type; b: bytes; d and m: JSON text of data and
-- metadata, as strings, so that escapes which only `text` refuses (backslash u0000) stay untouched. s and a, and n, the
-- number of events in the write, stand in its first event only. A stream occurs once in a batch.
--
-- Returns an array with one entry per write, in order: [revision, position] of its last event, appended now or by an
-- earlier copy of the same write (the same ids at the same place), or [revision] that the stream has instead: a conflict.
--
-- plpgsql and volatile, because every statement must see what was committed while it waited for the lock. The lock is
-- released after the commit is visible, so whoever comes next commits after and above. The planner's ways are fixed:
-- on a young table, before it was ever analysed, it would scan instead of using the index.
create function log.append(batch json) returns json
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

  if newest is not null then
    perform pg_notify('tidings_log', newest::text);
  end if;
  return outcomes;
end $$;

-- The log holds all tenants' events and no tenant can be set while one is appended, so row-level security has no place here:
-- tidings_api does not see it at all, and nobody but the owner changes or deletes a row.
revoke all on function log.append(json) from public;
grant usage on schema log to tidings_worker;
grant select on log.events to tidings_worker;
grant execute on function log.append(json) to tidings_worker;
