import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientConfig } from 'pg';
import { PortError } from '../../../domain/kernel/portError.ts';
import { bytesOfEvent, notJson, positionOf, storeClosed } from '../checks.ts';
import type { Write, WriteOutcome } from '../port.ts';
import { AppendQueue } from './appendQueue.ts';
import type { Pending } from './appendQueue.ts';
import { AppendConnection } from './appendConnection.ts';
import { codeOf, failureOf } from './sqlState.ts';

export type AppenderOptions = {
  /** Milliseconds within which every append is settled. */
  readonly deadlineMs: number;
  /** Milliseconds for one call; after that the connection is given up and the batch sent again. */
  readonly attemptMs: number;
  /** Bytes of waiting appends above which a new one is refused. */
  readonly queueBytes: number;
  readonly batchWrites: number;
  readonly batchBytes: number;
};

export type AppendObserver = {
  /** One call of the store: what it carried, how long it took (ms). */
  readonly onAppend?: (call: { readonly writes: number; readonly events: number; readonly bytes: number; readonly ms: number }) => void;
  /** A call failed; what is still wanted of it is sent again. `code`: SQLSTATE or the system's. */
  readonly onAppendFailure?: (call: { readonly writes: number; readonly code: string }) => void;
};

const APPEND = 'select log.append($1) as outcomes';
const MIN_PAUSE_MS = 20;
const MAX_PAUSE_MS = 1_000;

type Answer = readonly [revision: number, position?: string];

/** The one writer of this process: whatever waits while a call is under way becomes the next call (docs/decisions/0002). */
export class Appender {
  readonly #queue: AppendQueue;
  readonly #connection: AppendConnection;
  readonly #options: AppenderOptions;
  readonly #observer: AppendObserver;
  #draining: Promise<void> | undefined;
  #closed = false;

  constructor(connection: ClientConfig, options: AppenderOptions, observer: AppendObserver) {
    this.#queue = new AppendQueue(options.queueBytes);
    this.#connection = new AppendConnection(connection, options.attemptMs);
    this.#options = options;
    this.#observer = observer;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** The write has passed `refusalOf`. Never rejects. */
  append(write: Write): Promise<WriteOutcome> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve(failed(storeClosed()));
      const pending = this.#pendingOf(write, resolve);
      if (!this.#queue.offer(pending)) {
        pending.settle(failed(new PortError('unavailable', 'append_queue_full', 'too many appends are waiting')));
        return;
      }
      this.#draining ??= this.#drain();
    });
  }

  /** Waits for what was accepted, each within its deadline; then nothing is accepted any more. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#draining) await this.#draining;
    this.#connection.close();
  }

  #pendingOf(write: Write, resolve: (outcome: WriteOutcome) => void): Pending {
    const rows = rowsOf(write);
    const pending: Pending = {
      stream: write.stream,
      events: write.events.length,
      rows,
      bytes: rows.reduce((sum, row) => sum + Buffer.byteLength(row), 0),
      settle: (outcome) => {
        clearTimeout(timer);
        if (!pending.settled) resolve(outcome);
        pending.settled = true;
      },
      settled: false,
      open: false,
      released: false,
    };
    const timer = setTimeout(() => pending.settle(failed(tooLate(pending))), this.#options.deadlineMs);
    return pending;
  }

  async #drain(): Promise<void> {
    // A turn of the loop before each batch: what the last one's callers append next travels together.
    while ((await turn(), this.#queue.isReady)) {
      const batch = this.#queue.take({ writes: this.#options.batchWrites, bytes: this.#options.batchBytes });
      await this.#deliver(batch);
      for (const write of batch) this.#queue.done(write);
    }
    this.#draining = undefined;
  }

  /** Sends until every write of the batch has a definite answer or nobody waits for it any more. */
  async #deliver(batch: readonly Pending[]): Promise<void> {
    for (let pause = MIN_PAUSE_MS, wanted = unsettled(batch); wanted.length > 0; wanted = unsettled(batch)) {
      try {
        await this.#call(wanted);
      } catch (error) {
        this.#observer.onAppendFailure?.({ writes: wanted.length, code: codeOf(error) });
        if (failureOf(error) === 'refused') return this.#divide(wanted);
        await sleep(pause * (0.5 + Math.random()));
        pause = Math.min(2 * pause, MAX_PAUSE_MS);
      }
    }
  }

  /** One of them holds something that Postgres won't take: it alone must fail. */
  async #divide(batch: readonly Pending[]): Promise<void> {
    if (batch.length === 1) return batch.forEach((write) => write.settle(failed(notJson())));
    const half = Math.ceil(batch.length / 2);
    await this.#deliver(batch.slice(0, half));
    await this.#deliver(batch.slice(half));
  }

  async #call(batch: readonly Pending[]): Promise<void> {
    const text = `[${batch.map((write, w) => write.rows.map((row) => `{"w":${w},${row}`).join(',')).join(',')}]`;
    await this.#connection.open();
    const from = performance.now();
    // From here until an answer says otherwise any of them may have been written.
    const before = batch.map((write) => write.open);
    for (const write of batch) write.open = true;
    try {
      const rows = await this.#connection.query({ name: 'log_append', text: APPEND, values: [text], rowMode: 'array' });
      const answers = rows[0]?.[0] as readonly Answer[];
      // Released first: whoever is answered may append again at once.
      for (const write of batch) this.#queue.done(write);
      batch.forEach((write, w) => write.settle(outcomeOf(answers[w])));
    } catch (error) {
      if (failureOf(error) !== 'open') batch.forEach((write, w) => (write.open = before[w] ?? true));
      throw error;
    }
    const events = batch.reduce((sum, write) => sum + write.events, 0);
    this.#observer.onAppend?.({ writes: batch.length, events, bytes: text.length, ms: performance.now() - from });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const unsettled = (batch: readonly Pending[]): readonly Pending[] => batch.filter((write) => !write.settled);

function rowsOf({ stream, at, events }: Write): readonly string[] {
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

const failed = (error: PortError): WriteOutcome => ({ ok: false, conflict: false, error });

const tooLate = (write: Pending): PortError =>
  write.open
    ? new PortError('unavailable', 'append_open', 'no answer came in time: the events may have been written')
    : new PortError('unavailable', 'append_not_written', 'the log could not be reached in time: nothing was written');
