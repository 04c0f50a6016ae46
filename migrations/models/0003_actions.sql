-- Everything that is to be done (docs/architecture.md). id, process, kind, tenant, target, items, priority and due_at are a function
-- of the log; the other columns are the drainers'.
create table actions (
  -- Source event, process and the ask's place: a replay inserts nothing twice.
  id text collate "C" primary key,
  process text not null,
  kind text collate "C" not null,
  tenant text collate "C" not null,
  -- A notification's id, or a batch's.
  target text collate "C" not null,
  -- Deliveries' n, ascending; empty for kinds that concern their target as a whole.
  items integer[] not null,
  -- 0 critical, 1 high, 2 normal, 3 low.
  priority smallint not null,
  due_at timestamptz not null,
  -- From when on it can be claimed: due_at, the end of the claim that has it, or the next try. Infinity: parked.
  run_at timestamptz not null,
  -- How often carrying it out alone has thrown, and our code of the last time.
  tries smallint not null default 0,
  error text,
  parked_at timestamptz,
  claim uuid
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- Claiming: the earliest of each priority and kind; then tenant by tenant.
create index actions_due on actions (priority, kind, run_at);
create index actions_fair on actions (priority, kind, tenant, run_at);
create index actions_target on actions (target, tenant);
create index actions_claim on actions (claim) where claim is not null;
create index actions_parked on actions (tenant, parked_at) where parked_at is not null;
comment on table actions is 'What processes have to do: ids only. A timer is an action due later.';

-- A drainer's time-limited right to actions, and whom the deliveries concern (docs/architecture.md, step 4): an opt-out waits for
-- those that name its subject or address. Subjects are random ids and addresses keyed hashes.
create table claims (
  id uuid primary key,
  worker text not null,
  kind text not null,
  until timestamptz not null,
  -- Set when the work is done: the last position it appended. Its actions stay taken until their consumer has passed it.
  done text collate "C",
  subjects text[] not null default '{}',
  addresses text[] not null default '{}'
);
create index claims_done on claims (done) where done is not null;
comment on table claims is 'Which worker is busy until when, and with whom.';

select tidings_protect('actions');
grant select, insert, update, delete on actions, claims to tidings_worker;
grant select on claims to tidings_api;
