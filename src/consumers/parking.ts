import type { StreamName } from '../domain/values/ids.ts';
import type { FedEvent } from './backlog.ts';
import { checkpointOf, stored, type BuiltKey } from './lease.ts';
import { CONSUMERS_CHANNEL } from './notices.ts';
import type { Checkpoint } from './position.ts';
import type { ParkedEvent, Transaction } from './ports.ts';

/** An event set aside: it could not be applied, or waits behind one of its stream that could not. */
export type ToPark = {
  readonly event: FedEvent;
  /** From where reading finds it first. */
  readonly after: Checkpoint;
  /** Our own code, `behind` for one that waits. */
  readonly error: string;
  readonly tries: number;
};
export type Parked = {
  readonly id: string;
  readonly position: string;
  readonly after: Checkpoint;
  readonly stream: StreamName;
  readonly tries: number;
  readonly wish: 'retry' | 'skip' | null;
};

export async function parkedStreams(tx: Transaction, { name, suffix }: BuiltKey): Promise<ReadonlySet<StreamName>> {
  const rows = await tx.query<{ stream: StreamName }>({
    text: `select distinct stream from parked_events where name = $1 and suffix = $2`,
    values: [name, suffix],
  });
  return new Set(rows.map(({ stream }) => stream));
}

/** Of these streams, those that a live consumer of facts has set aside. */
export async function parkedFacts(tx: Transaction, streams: readonly StreamName[]): Promise<ReadonlySet<StreamName>> {
  const rows = await tx.query<{ stream: StreamName }>({
    name: 'parked.facts',
    text: `select distinct p.stream from parked_events p join consumers c using (name, suffix)
            where c.facts and c.state = 'live' and p.stream = any ($1)`,
    values: [streams],
  });
  return new Set(rows.map(({ stream }) => stream));
}

/** Part of the batch's transaction. */
export async function park(tx: Transaction, { name, suffix }: BuiltKey, parked: readonly ToPark[]): Promise<void> {
  if (parked.length === 0) return;
  const rows = parked.map(({ event, after, error, tries }) => ({
    event_id: event.id,
    position: event.position,
    after_position: stored(after),
    stream: event.stream,
    error,
    tries,
  }));
  await tx.query({
    text: `insert into parked_events (name, suffix, event_id, position, after_position, stream, error, tries, parked_at)
           select $1, $2, p.event_id, p.position, p.after_position, p.stream, p.error, p.tries, tidings_now()
             from json_to_recordset($3) as p (event_id uuid, position text, after_position text, stream text, error text, tries integer)
           on conflict (name, suffix, position) do nothing`,
    values: [name, suffix, JSON.stringify(rows)],
  });
}

type Row = Omit<Parked, 'after'> & { readonly after_position: string | null };
const parkedOf = ({ after_position: after, ...row }: Row): Parked => ({ ...row, after: checkpointOf(after) });

/** What an operator asked for, oldest first. */
export async function wishes(tx: Transaction, { name, suffix }: BuiltKey): Promise<readonly Parked[]> {
  const rows = await tx.query<Row>({
    name: 'parked.wishes',
    text: `select event_id as id, position, after_position, stream, tries, wish
             from parked_events where name = $1 and suffix = $2 and wish is not null order by position`,
    values: [name, suffix],
  });
  return rows.map(parkedOf);
}

/** The oldest that wait in a stream, in order. */
export async function waitingIn(
  tx: Transaction,
  { name, suffix }: BuiltKey,
  stream: StreamName,
  limit: number,
): Promise<readonly Parked[]> {
  const rows = await tx.query<Row>({
    text: `select event_id as id, position, after_position, stream, tries, wish
             from parked_events where name = $1 and suffix = $2 and stream = $3 order by position limit $4`,
    values: [name, suffix, stream, limit],
  });
  return rows.map(parkedOf);
}

export async function unpark(tx: Transaction, { name, suffix }: BuiltKey, positions: readonly string[]): Promise<void> {
  await tx.query({
    text: `delete from parked_events where name = $1 and suffix = $2 and position = any ($3)`,
    values: [name, suffix, positions],
  });
}

/** Leaves events out for good: in these tables and in those that will replace them. */
export async function skip(tx: Transaction, { name, suffix }: BuiltKey, positions: readonly string[]): Promise<void> {
  await tx.query({
    text: `with gone as (delete from parked_events where name = $1 and suffix = $2 and position = any ($3) returning event_id)
           insert into skipped_events (name, event_id, skipped_at) select $1, event_id, tidings_now() from gone on conflict do nothing`,
    values: [name, suffix, positions],
  });
}

export async function skippedEvents(tx: Transaction, { name }: BuiltKey): Promise<ReadonlySet<string>> {
  const rows = await tx.query<{ id: string }>({ text: `select event_id as id from skipped_events where name = $1`, values: [name] });
  return new Set(rows.map(({ id }) => id));
}

/** It failed again: the wish is spent, also that of those which wait behind it. */
export async function parkAgain(tx: Transaction, { name, suffix }: BuiltKey, parked: Parked, error: string): Promise<void> {
  await tx.query({
    text: `update parked_events
              set wish = null, error = case when position = $4 then $5 else error end, tries = tries + case when position = $4 then 1 else 0 end
            where name = $1 and suffix = $2 and stream = $3`,
    values: [name, suffix, parked.stream, parked.position, error],
  });
}

export type AskedFor = 'asked' | 'unknown' | 'facts';

/**
 * Asks the holder of the lease to try the stream of a parked event again, in order, or to leave the event out for good. What a
 * facts stream holds cannot be left out (`facts`). Works as the API's role.
 */
export async function askParked(tx: Transaction, projection: string, eventId: string, wish: 'retry' | 'skip'): Promise<AskedFor> {
  const rows = await tx.query<{ facts: boolean }>({
    text: `select c.facts from parked_events p join consumers c using (name, suffix)
            where p.name = $1 and p.event_id::text = $2 and c.state in ('live', 'building')`,
    values: [projection, eventId],
  });
  if (rows.length === 0) return 'unknown';
  if (wish === 'skip' && rows.some(({ facts }) => facts)) return 'facts';
  await tx.query({
    text: `with asked as (update parked_events set wish = $3 where name = $1 and event_id::text = $2 returning name)
           select pg_notify('${CONSUMERS_CHANNEL}', name) from asked limit 1`,
    values: [projection, eventId, wish],
  });
  return 'asked';
}

/** Oldest first, after a position. */
export async function listParked(tx: Transaction, projection: string, after = '', limit = 100): Promise<readonly ParkedEvent[]> {
  return tx.query<ParkedEvent>({
    text: `select p.suffix, p.event_id as id, p.position, p.stream, p.error, p.tries, p.wish, p.parked_at as "parkedAt"
             from parked_events p join consumers c using (name, suffix)
            where p.name = $1 and c.state in ('live', 'building') and p.position > $2 order by p.position, p.suffix limit $3`,
    values: [projection, after, limit],
  });
}
