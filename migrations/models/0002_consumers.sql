-- What consumers keep (docs/architecture.md).

-- The one clock by which leases, claims and due instants are judged. A function of its own, so that a test can put a clock
-- that is moved by hand in its place. Callers write `(select tidings_now())`: read once a statement, so an index serves.
create function tidings_now() returns timestamptz
language sql volatile parallel safe
as $$ select clock_timestamp() $$;

-- One row per built set of tables of a consumer. `position` is opaque and sorts bytewise; null is the start of the log.
create table consumers (
  name text collate "C" not null,
  -- What its tables' names end in: `_v1`, `_v2`, …; empty where tables have no versions and are rebuilt in place.
  suffix text collate "C" not null,
  -- Of the code that fills the tables.
  version integer not null,
  state text not null check (state in ('building', 'live', 'retired')),
  position text collate "C",
  -- Fences writers: taking the lease counts it on, and a batch commits only under the epoch it began with.
  epoch bigint not null default 0,
  holder text,
  lease_until timestamptz,
  -- Why it stopped for good until someone rebuilds it: `head_below_checkpoint`.
  stopped text,
  -- When its holder last knew that nothing lay between its checkpoint and the head; null until it has been there once.
  caught_up_at timestamptz,
  -- Events applied since it was built, and per second of late.
  applied bigint not null default 0,
  rate real not null default 0,
  -- A parked event of a facts stream cannot be skipped.
  facts boolean not null,
  -- Full names of the tables, to be dropped when it is retired.
  tables text[] not null,
  rebuild_wanted boolean not null default false,
  created_at timestamptz not null default tidings_now(),
  retired_at timestamptz,
  primary key (name, suffix)
) with (fillfactor = 50);
create unique index consumers_live on consumers (name) where state = 'live';
create unique index consumers_building on consumers (name) where state = 'building';
comment on table consumers is 'Checkpoints, leases and versions of projections and of the table of actions.';

-- Events that a consumer could not apply, and later events of the same streams, which wait behind them. No payload and no
-- text of an error: both can hold personal data.
create table parked_events (
  name text collate "C" not null,
  suffix text collate "C" not null,
  event_id uuid not null,
  position text collate "C" not null,
  -- From where reading finds the event as the first that concerns the consumer; null is the start of the log.
  after_position text collate "C",
  stream text collate "C" not null,
  -- Our own code: `unknown_type`, `TypeError`; `behind` for an event that waits behind a parked one.
  error text not null,
  tries integer not null,
  -- What an operator asked of the holder of the lease.
  wish text check (wish in ('retry', 'skip')),
  parked_at timestamptz not null,
  primary key (name, suffix, position),
  foreign key (name, suffix) references consumers on delete cascade
);
create index parked_events_stream on parked_events (name, suffix, stream, position);
create index parked_events_wish on parked_events (name, suffix) where wish is not null;
comment on table parked_events is 'Poison events per consumer, and the events of their streams that wait behind them.';

-- What an operator decided to leave out: it holds for later versions of the same tables too.
create table skipped_events (
  name text collate "C" not null,
  event_id uuid not null,
  skipped_at timestamptz not null,
  primary key (name, event_id)
);
comment on table skipped_events is 'Events that a consumer passes over, by decision of an operator.';

grant select, insert, update, delete on consumers, parked_events, skipped_events to tidings_worker;
grant select, update (rebuild_wanted) on consumers to tidings_api;
grant select, update (wish) on parked_events to tidings_api;
