import { trusted, type Position } from '../domain/values/ids.ts';
import { CONSUMERS_CHANNEL, MOVED_CHANNEL } from './notices.ts';
import type { Checkpoint } from './position.ts';
import type { Transaction } from './ports.ts';

/** One built set of tables of a consumer. */
export type BuiltKey = { readonly name: string; readonly suffix: string };
/** The last event that was taken in, and from where reading finds it first. */
export type LastEvent = { readonly id: string; readonly after: Checkpoint };
/** The right to write under `epoch`, from `position` on. `isDoubted`: the log seemed to end before that, or to be another (doubt.ts). */
export type Lease = BuiltKey & {
  readonly epoch: number;
  readonly position: Checkpoint;
  readonly isDoubted: boolean;
  readonly last: LastEvent | undefined;
};

/** Another holds the lease now, or the tables were retired: roll back and step down. */
export class LeaseLost extends Error {
  constructor() {
    super('the lease is lost');
    this.name = 'LeaseLost';
  }
}

export const checkpointOf = (position: string | null): Checkpoint => (position === null ? 'start' : trusted<Position>(position));
export const stored = (checkpoint: Checkpoint): string | null => (checkpoint === 'start' ? null : checkpoint);

/** `presence`: see Database. */
export type Claimant = { readonly holder: string; readonly presence: string | undefined };

/**
 * Free, run out, our own from before, or of one who is seen to be gone: counting the epoch on shuts out whoever had it, also one who only lost
 * its connection and works on. Nothing: another has it, or it was stopped.
 */
export async function takeLease(
  tx: Transaction,
  { name, suffix }: BuiltKey,
  { holder, presence }: Claimant,
  leaseMs: number,
): Promise<Lease | undefined> {
  type Row = { epoch: number; position: string | null; doubted: boolean; last: string | null; after: string | null };
  const [row] = await tx.query<Row>({
    name: 'consumers.take',
    text: `update consumers set epoch = epoch + 1, holder = $3, presence = $5, lease_until = tidings_now() + $4 * interval '1 ms'
            where name = $1 and suffix = $2 and state <> 'retired' and stopped is null
              and (holder is null or holder = $3 or lease_until < tidings_now() or pg_try_advisory_xact_lock_shared(presence))
        returning epoch, position, doubted_at is not null as doubted, last_event as last, last_after as after`,
    values: [name, suffix, holder, leaseMs, presence ?? null],
  });
  if (!row) return undefined;
  const last = row.last === null ? undefined : { id: row.last, after: checkpointOf(row.after) };
  return { name, suffix, epoch: row.epoch, position: checkpointOf(row.position), isDoubted: row.doubted, last };
}

/** `rate`: events per second of late. */
export type Progress = Pick<Claimant, 'presence'> & { readonly caughtUp: boolean; readonly rate: number };

/** Half of what it was and half of what it is now. It ends at 0: halved for ever, it would become a number that no column takes. */
export const rateAfter = (before: number, events: number, ms: number): number =>
  Math.floor(((before + (events * 1_000) / ms) / 2) * 1_000) / 1_000;

/** False: lost. */
export async function renewLease(tx: Transaction, lease: Lease, leaseMs: number, progress: Progress): Promise<boolean> {
  const { presence, caughtUp, rate } = progress;
  const rows = await tx.query({
    name: 'consumers.renew',
    text: `update consumers set lease_until = tidings_now() + $4 * interval '1 ms', rate = $5, presence = $7,
                  caught_up_at = case when $6 then tidings_now() else caught_up_at end
            where name = $1 and suffix = $2 and epoch = $3 and state <> 'retired' returning 1`,
    values: [lease.name, lease.suffix, lease.epoch, leaseMs, rate, caughtUp, presence ?? null],
  });
  return rows.length > 0;
}

/** Lets a standby take over; `tell` wakes them. */
export async function releaseLease(tx: Transaction, lease: Lease, tell: boolean): Promise<void> {
  await tx.query({
    text: `update consumers set holder = null, lease_until = null where name = $1 and suffix = $2 and epoch = $3
        returning case when $4 then pg_notify('${CONSUMERS_CHANNEL}', name) end`,
    values: [lease.name, lease.suffix, lease.epoch, tell],
  });
}

/** Ends all leases: only for a process that knows itself to be alone. Who holds one is fenced off as soon as it is taken again. */
export async function freeLeases(tx: Transaction): Promise<void> {
  await tx.query({ text: `update consumers set holder = null, lease_until = null where holder is not null` });
}

/** Stops it for every process until it is rebuilt: `code` says why. */
export async function stopForGood(tx: Transaction, lease: Lease, code: string): Promise<void> {
  await tx.query({
    text: `update consumers set stopped = $4, holder = null, lease_until = null where name = $1 and suffix = $2 and epoch = $3`,
    values: [lease.name, lease.suffix, lease.epoch, code],
  });
}

/** Shown to whoever asks how the consumer is, and known to whoever takes the lease next. */
export async function setDoubt(tx: Transaction, { name, suffix, epoch }: Lease, isDoubted: boolean): Promise<void> {
  await tx.query({
    text: `update consumers set doubted_at = case when $4 then coalesce(doubted_at, tidings_now()) end
            where name = $1 and suffix = $2 and epoch = $3 and (doubted_at is null) = $4`,
    values: [name, suffix, epoch, isDoubted],
  });
}

export type Move = {
  readonly from: Checkpoint;
  readonly to: Checkpoint;
  readonly applied: number;
  /** Of the batch, where it has any. */
  readonly last?: LastEvent | undefined;
  readonly caughtUp: boolean;
  readonly leaseMs: number;
  /** Whether someone waits to hear of it. */
  readonly awaited: boolean;
};

/**
 * The last statement of a batch's transaction: moves the checkpoint under the epoch and from the position that the batch began with.
 * @throws LeaseLost when either is no longer so; the rows of the batch go with it.
 */
export async function moveCheckpoint(tx: Transaction, lease: Lease, move: Move): Promise<void> {
  const rows = await tx.query({
    name: 'consumers.move',
    text: `update consumers set position = $5, applied = applied + $6, lease_until = tidings_now() + $8 * interval '1 ms',
                  last_event = coalesce($10, last_event), last_after = case when $10::uuid is null then last_after else $11 end,
                  caught_up_at = case when $7 then tidings_now() else caught_up_at end
            where name = $1 and suffix = $2 and epoch = $3 and position is not distinct from $4 and state <> 'retired' and stopped is null
        returning case when $9 then pg_notify('${MOVED_CHANNEL}', name) end`,
    values: [
      lease.name,
      lease.suffix,
      lease.epoch,
      stored(move.from),
      stored(move.to),
      move.applied,
      move.caughtUp,
      move.leaseMs,
      move.awaited,
      move.last?.id ?? null,
      move.last ? stored(move.last.after) : null,
    ],
  });
  if (rows.length === 0) throw new LeaseLost();
}
