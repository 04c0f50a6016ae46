import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import { betweenAttempts } from '../retrying.ts';
import { bytesOfEvent, failed, notJson } from '../checks.ts';
import type { AppendObserver } from '../observer.ts';
import { type AppendOptions, PendingAppends, unsettled, type Pending as PendingAppend } from '../pendingAppends.ts';
import type { Write, WriteOutcome } from '../port.ts';
import { positionOf } from '../positions.ts';
import { AppendConnection } from './appendConnection.ts';
import type { OnDisk } from './onDisk.ts';
import { codeOf, failureOf } from './failure.ts';

export type AppenderOptions = AppendOptions & {
  readonly batchWrites: number;
  readonly batchBytes: number;
  /** Calls under way at once: one of them writes, the others wait for the disk or for the log. */
  readonly lanes: number;
};

const APPEND = 'call log.append_to_disk($1, null)';
/** Writes. A call costs as much as some twenty of them, in processor, so that fewer wait for the lane that is busy. */
const WORTH_A_CALL = 32;

/** Its events as `log.append` takes them, each without its opening brace and write number. */
type Rows = readonly string[];
type Pending = PendingAppend<Rows>;
type Answer = readonly [revision: number, position?: string];

/** A connection, and the work that goes over it while there is any; `calling`: it has writes in hand and takes no others. */
type Lane = { readonly connection: AppendConnection; draining: Promise<void> | undefined; calling: boolean };

/** The writer of this process: whatever waits while its calls are under way becomes the next call (docs/decisions/0002). */
export class Appender {
  readonly #queue: PendingAppends<Rows>;
  readonly #lanes: readonly Lane[];
  readonly #options: AppenderOptions;
  readonly #onDisk: OnDisk;
  readonly #observer: AppendObserver;

  constructor(connection: ClientConfig, options: AppenderOptions, onDisk: OnDisk, observer: AppendObserver) {
    this.#queue = new PendingAppends(options);
    this.#lanes = Array.from({ length: options.lanes }, () => ({
      connection: new AppendConnection(connection, options.attemptMs),
      draining: undefined,
      calling: false,
    }));
    this.#options = options;
    this.#onDisk = onDisk;
    this.#observer = observer;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** The write has passed `refusalOf`. Never rejects. */
  append(write: Write): Promise<WriteOutcome> {
    const body = rowsOf(write);
    const bytes = body.reduce((sum, row) => sum + Buffer.byteLength(row), 0);
    return this.#queue.offer(write, { body, bytes }, () => this.#start());
  }

  /** Waits for what was accepted, each within its deadline; then nothing is accepted any more. */
  async close(): Promise<void> {
    this.#queue.close();
    for (const lane of this.#lanes) {
      while (lane.draining) await lane.draining;
      lane.connection.close();
    }
  }

  /** One lane does; another one helps where enough waits to be worth a call of its own. */
  #start(): void {
    const busy = this.#lanes.filter(({ draining }) => draining !== undefined);
    const gathering = busy.filter(({ calling }) => !calling);
    const free = this.#lanes.find(({ draining }) => draining === undefined);
    if (free && (busy.length === 0 || this.#queue.ready >= WORTH_A_CALL * (gathering.length + 1))) free.draining = this.#drain(free);
  }

  async #drain(lane: Lane): Promise<void> {
    // A turn of the loop before each batch: what the last one's callers append next travels together.
    while ((await turn(), this.#queue.ready > 0)) {
      const batch = this.#queue.take({ writes: this.#share(), bytes: this.#options.batchBytes });
      await this.#deliver(batch, lane);
      lane.calling = false;
      for (const write of batch) this.#queue.done(write);
    }
    lane.draining = undefined;
  }

  /** Writes of one call: a part for each lane that has none, or callers who were all answered at once would all wait for the disk at once. */
  #share(): number {
    const part = Math.ceil(this.#queue.ready / this.#lanes.filter(({ calling }) => !calling).length);
    return Math.min(Math.max(part, WORTH_A_CALL), this.#options.batchWrites);
  }

  /** Sends until every write of the batch has a definite answer or nobody waits for it any more. */
  async #deliver(batch: readonly Pending[], lane: Lane): Promise<void> {
    const pauseMs = betweenAttempts(this.#options.attemptMs);
    for (let wanted = unsettled(batch); wanted.length > 0; wanted = unsettled(batch)) {
      try {
        await this.#call(wanted, lane);
      } catch (error) {
        this.#observer.onAppendFailure?.({ writes: wanted.length, code: codeOf(error) });
        if (failureOf(error) === 'refused') return this.#divide(wanted, lane);
        await sleep(pauseMs());
      }
    }
  }

  /** One of them holds something that Postgres won't take: it alone must fail. */
  async #divide(batch: readonly Pending[], lane: Lane): Promise<void> {
    if (batch.length === 1) return batch.forEach((write) => write.settle(failed(notJson())));
    const half = Math.ceil(batch.length / 2);
    await this.#deliver(batch.slice(0, half), lane);
    await this.#deliver(batch.slice(half), lane);
  }

  async #call(batch: readonly Pending[], lane: Lane): Promise<void> {
    const { connection } = lane;
    lane.calling = true;
    const text = `[${batch.map(({ body }, w) => body.map((row) => `{"w":${w},${row}`).join(',')).join(',')}]`;
    await connection.open();
    const from = performance.now();
    // From here until an answer says otherwise any of them may have been written.
    const before = batch.map((write) => write.open);
    for (const write of batch) write.open = true;
    try {
      const rows = await connection.query({ name: 'log_append', text: APPEND, values: [text], rowMode: 'array' });
      const answers = rows[0]?.[0] as readonly Answer[];
      // Released first: whoever is answered may append again at once.
      lane.calling = false;
      for (const write of batch) this.#queue.done(write);
      this.#onDisk.reached(Math.max(...answers.map(([, position = 0]) => Number(position))));
      batch.forEach((write, w) => write.settle(outcomeOf(answers[w])));
    } catch (error) {
      if (failureOf(error) !== 'open') batch.forEach((write, w) => (write.open = before[w] ?? true));
      throw error;
    }
    const events = batch.reduce((sum, { write }) => sum + write.events.length, 0);
    this.#observer.onAppend?.({ writes: batch.length, events, bytes: text.length, ms: performance.now() - from });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function rowsOf({ stream, at, events }: Write): Rows {
  const place = `"n":${events.length},"s":${JSON.stringify(stream)},"a":${at === 'absent' ? -1 : at},`;
  return events.map((event, i) => {
    const body = `"t":${JSON.stringify(event.type)},"d":${JSON.stringify(event.data)},"m":${JSON.stringify(event.metadata)}}`;
    return `"i":${i},${i === 0 ? place : ''}"id":"${event.id}","b":${bytesOfEvent(event)},${body}`;
  });
}

function outcomeOf(answer: Answer | undefined): WriteOutcome {
  if (answer === undefined) throw new TypeError('log.append answered for fewer writes than it was given');
  const [revision, position] = answer;
  if (position !== undefined) return { ok: true, revision, position: positionOf(position) };
  return { ok: false, conflict: true, actual: revision === -1 ? 'absent' : revision };
}
