import { PortError } from '../domain/kernel/portError.ts';
import { checkpointOf, type BuiltKey, type Lease } from './lease.ts';
import { CONSUMERS_CHANNEL, LIVE_CHANNEL } from './notices.ts';
import { isBefore } from './position.ts';
import type { Database, Owner, Projection, Transaction } from './ports.ts';

/** `behind`: the old one holds more; `parked`: it set aside what the old one has not; `lost`: no longer ours. */
export type Swapped = 'swapped' | 'behind' | 'parked' | 'lost';

type Built = {
  readonly suffix: string;
  readonly version: number;
  readonly state: 'building' | 'live' | 'retired';
  readonly wanted: boolean;
};

/** Milliseconds. A dump reads every table for as long as it takes: who waited for it would hold up all that stand behind. */
const LOCKED_MS = 2_000;

/** One process at a time makes or drops the tables of a consumer; what is locked for longer is tried again later. */
async function lock(tx: Transaction, name: string): Promise<void> {
  await tx.query({ text: `set local lock_timeout = ${String(LOCKED_MS)}` });
  await tx.query({ text: `select pg_advisory_xact_lock(hashtextextended('tidings consumer ' || $1, 0))`, values: [name] });
}

const builtOf = (tx: Transaction, name: string): Promise<readonly Built[]> =>
  tx.query<Built>({ text: `select suffix, version, state, rebuild_wanted as wanted from consumers where name = $1`, values: [name] });

const nextSuffix = (built: readonly Built[]): string => `_v${Math.max(0, ...built.map(({ suffix }) => Number(suffix.slice(2)))) + 1}`;

async function make(tx: Transaction, consumer: Projection, suffix: string, state: 'building' | 'live'): Promise<void> {
  const sql = consumer.schema(suffix);
  if (sql.trim() !== '') await tx.query({ text: sql });
  await tx.query({
    text: `insert into consumers (name, suffix, version, state, facts, tables) values ($1, $2, $3, $4, $5, $6)`,
    values: [consumer.name, suffix, consumer.version, state, consumer.facts, consumer.inPlace ? [] : tablesOf(consumer, suffix)],
  });
}
const tablesOf = ({ tables }: Projection, suffix: string): readonly string[] => tables.map((table) => `${table}${suffix}`);

async function drop(tx: Transaction, { name, suffix }: BuiltKey): Promise<void> {
  const [row] = await tx.query<{ tables: readonly string[] }>({
    text: `delete from consumers where name = $1 and suffix = $2 returning tables`,
    values: [name, suffix],
  });
  if (row && row.tables.length > 0) await tx.query({ text: `drop table if exists ${row.tables.map(quoted).join(', ')} cascade` });
}
const quoted = (table: string): string => `"${table.replaceAll('"', '""')}"`;

/**
 * Makes what the code needs and the database has not: the first tables, or a new version beside the live one when the code is newer
 * or an operator asked for it. `superseded`: the live tables belong to newer code, whose processes keep them.
 */
export async function prepare(owner: Owner, consumer: Projection): Promise<'ready' | 'superseded'> {
  return owner.transaction(async (tx) => {
    await lock(tx, consumer.name);
    const built = await builtOf(tx, consumer.name);
    const live = built.find(({ state }) => state === 'live');
    if (!live) await make(tx, consumer, consumer.inPlace ? '' : nextSuffix(built), 'live');
    else if (live.wanted || live.version < consumer.version) await renew(tx, consumer, built);
    else if (live.version > consumer.version) return 'superseded';
    return 'ready';
  });
}

async function renew(tx: Transaction, consumer: Projection, built: readonly Built[]): Promise<void> {
  if (consumer.inPlace) return startAgain(tx, consumer);
  const building = built.find(({ state }) => state === 'building');
  const isWanted = built.some(({ wanted }) => wanted);
  if (building && building.version >= consumer.version && !isWanted) return;
  if (building) await drop(tx, { name: consumer.name, suffix: building.suffix });
  await make(tx, consumer, nextSuffix(built), 'building');
  await tx.query({ text: `update consumers set rebuild_wanted = false where name = $1`, values: [consumer.name] });
  await tell(tx, consumer.name);
}

/**
 * Its tables have one form only: emptied, fenced and begun again in one transaction, so nobody sees half of them as the whole. Tables
 * before the consumer's row, as batches go; truncating is also what row-level security leaves to an owner.
 */
async function startAgain(tx: Transaction, { name, version, tables }: Projection): Promise<void> {
  await tx.query({ text: `truncate ${tables.map(quoted).join(', ')}` });
  await tx.query({
    text: `update consumers set position = null, epoch = epoch + 1, holder = null, lease_until = null, caught_up_at = null, applied = 0,
                  stopped = null, doubted_at = null, last_event = null, last_after = null, version = $2, rebuild_wanted = false, created_at = tidings_now() where name = $1`,
    values: [name, version],
  });
  await tx.query({ text: `delete from parked_events where name = $1`, values: [name] });
  await tell(tx, name);
}

const tell = (tx: Transaction, name: string): Promise<unknown> =>
  tx.query({ text: `select pg_notify('${CONSUMERS_CHANNEL}', $1)`, values: [name] });

/**
 * Puts the new tables in the place of the live ones. What was acknowledged on the old holds on the new: its checkpoint is at least
 * as far and nothing is parked that was not parked before. A live one that was stopped is no measure. One that older code made is none for
 * what is parked: nobody fills it any more, and a start that waited for an operator would leave nobody to ask.
 */
export async function swap(db: Database, lease: Lease): Promise<Swapped> {
  return db.transaction(async (tx) => {
    type Row = { suffix: string; version: number; state: string; epoch: number; position: string | null; stopped: string | null };
    const rows = await tx.query<Row>({
      text: `select suffix, version, state, epoch, position, stopped from consumers where name = $1 and state in ('live', 'building')
              order by suffix for update`,
      values: [lease.name],
    });
    const mine = rows.find(({ suffix }) => suffix === lease.suffix);
    const old = rows.find(({ state }) => state === 'live');
    if (mine?.state !== 'building' || mine.epoch !== lease.epoch) return 'lost';
    if (old?.stopped === null) {
      if (isBefore(checkpointOf(mine.position), checkpointOf(old.position))) return 'behind';
      if (old.version === mine.version && (await parksMore(tx, lease, old.suffix))) return 'parked';
    }
    await tx.query({
      text: `update consumers set state = 'retired', retired_at = tidings_now(), holder = null, lease_until = null where name = $1 and state = 'live'`,
      values: [lease.name],
    });
    await tx.query({ text: `update consumers set state = 'live' where name = $1 and suffix = $2`, values: [lease.name, lease.suffix] });
    await tx.query({ text: `select pg_notify('${LIVE_CHANNEL}', $1), pg_notify('${CONSUMERS_CHANNEL}', $1)`, values: [lease.name] });
    return 'swapped';
  });
}

async function parksMore(tx: Transaction, { name, suffix }: BuiltKey, old: string): Promise<boolean> {
  const rows = await tx.query({
    text: `select from parked_events n where n.name = $1 and n.suffix = $2
              and not exists (select from parked_events o where o.name = $1 and o.suffix = $3 and o.stream = n.stream) limit 1`,
    values: [name, suffix, old],
  });
  return rows.length > 0;
}

/** Drops tables that were replaced so many ms ago; whoever was still reading them has finished. Answers how many sets. */
export async function dropRetired(owner: Owner, name: string, graceMs: number): Promise<number> {
  return owner.transaction(async (tx) => {
    await lock(tx, name);
    const gone = await tx.query<{ suffix: string }>({
      text: `select suffix from consumers where name = $1 and state = 'retired' and retired_at < tidings_now() - $2 * interval '1 ms'`,
      values: [name, graceMs],
    });
    for (const { suffix } of gone) await drop(tx, { name, suffix });
    return gone.length;
  });
}

/** Asks for new tables beside the live ones; a process that holds the consumer begins. Works as the API's role. @throws PortError `invalid`, `unknown_projection`. */
export async function requestRebuild(tx: Transaction, projection: string): Promise<void> {
  const rows = await tx.query({
    text: `with asked as (update consumers set rebuild_wanted = true where name = $1 and state = 'live' returning name)
           select pg_notify('${CONSUMERS_CHANNEL}', name) from asked`,
    values: [projection],
  });
  if (rows.length === 0) throw new PortError('invalid', 'unknown_projection', 'no such projection');
}
