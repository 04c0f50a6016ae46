import { PortError } from '../../domain/kernel/portError.ts';
import { failed, storeClosed } from './checks.ts';
import type { Write, WriteOutcome } from './port.ts';

/** What any store takes for its appends. */
export type AppendOptions = {
  /** Milliseconds within which every append is settled. */
  readonly deadlineMs: number;
  /** Milliseconds for one call; after that its outcome is open and it is sent again. */
  readonly attemptMs: number;
  /** Bytes of waiting appends above which a new one is refused. */
  readonly queueBytes: number;
};

/** `queueBytes` of a service: beyond what admission lets wait (http/admission.ts), so that there is room for those who are in already. */
export const QUEUE_BYTES = 64_000_000;

/** A write that waits for its outcome; `body`: it, as the store sends it. */
export type Pending<Body> = {
  readonly write: Write;
  readonly body: Body;
  readonly bytes: number;
  /** Tells the caller, once; `settled` from then on. */
  readonly settle: (outcome: WriteOutcome) => void;
  settled: boolean;
  /** It was sent and no definite answer came: it may have been written. */
  open: boolean;
  /** The queue's own mark: it has been let go of. */
  released: boolean;
};

export type BatchLimits = { readonly writes: number; readonly bytes: number };

/**
 * Writes in order of arrival, bounded in bytes, each settled within the deadline (ms) whatever becomes of it. A stream has at most one write in
 * hand: its next one waits until that is done.
 */
export class PendingAppends<Body> {
  readonly #maxBytes: number;
  readonly #deadlineMs: number;
  #ready: Pending<Body>[] = [];
  #taken = 0;
  #bytes = 0;
  #closed = false;
  readonly #behind = new Map<string, Pending<Body>[]>();

  constructor({ queueBytes, deadlineMs }: Pick<AppendOptions, 'queueBytes' | 'deadlineMs'>) {
    this.#maxBytes = queueBytes;
    this.#deadlineMs = deadlineMs;
  }

  /** Bytes that wait or are under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Writes that could go now. */
  get ready(): number {
    return this.#ready.length - this.#taken;
  }

  /** The write has passed `refusalOf`. Never rejects; `started` is called when it has been taken in. */
  offer(write: Write, { body, bytes }: { readonly body: Body; readonly bytes: number }, started: () => void): Promise<WriteOutcome> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve(failed(storeClosed()));
      if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) return resolve(failed(full()));
      const pending: Pending<Body> = {
        write,
        body,
        bytes,
        settle: (outcome) => {
          clearTimeout(timer);
          if (!pending.settled) resolve(outcome);
          pending.settled = true;
        },
        settled: false,
        open: false,
        released: false,
      };
      const timer = setTimeout(() => pending.settle(failed(tooLate(pending.open))), this.#deadlineMs);
      this.#queue(pending);
      started();
    });
  }

  #queue(pending: Pending<Body>): void {
    this.#bytes += pending.bytes;
    const behind = this.#behind.get(pending.write.stream);
    if (behind) behind.push(pending);
    else {
      this.#behind.set(pending.write.stream, []);
      this.#ready.push(pending);
    }
  }

  /** The next batch: the oldest write, and what else fits. */
  take(limits: BatchLimits): readonly Pending<Body>[] {
    const first = this.#taken;
    let bytes = 0;
    while (this.#taken < this.#ready.length && this.#taken - first < limits.writes) {
      bytes += this.#ready[this.#taken]?.bytes ?? 0;
      if (bytes > limits.bytes && this.#taken > first) break;
      this.#taken += 1;
    }
    const batch = this.#ready.slice(first, this.#taken);
    if (this.#taken * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#taken);
      this.#taken = 0;
    }
    return batch;
  }

  /** The write has left our hands: its stream's next one may go. Saying so again changes nothing. */
  done(pending: Pending<Body>): void {
    if (pending.released) return;
    pending.released = true;
    this.#bytes -= pending.bytes;
    const behind = this.#behind.get(pending.write.stream);
    const next = behind?.shift();
    if (next) this.#ready.push(next);
    else this.#behind.delete(pending.write.stream);
  }

  /** Nothing is taken in any more. */
  close(): void {
    this.#closed = true;
  }
}

export const unsettled = <Body>(batch: readonly Pending<Body>[]): readonly Pending<Body>[] => batch.filter((pending) => !pending.settled);

const full = (): PortError => new PortError('unavailable', 'append_queue_full', 'too many appends are waiting');

const tooLate = (open: boolean): PortError =>
  open
    ? new PortError('unavailable', 'append_open', 'no answer came in time: the events may have been written')
    : new PortError(
        'unavailable',
        'append_not_written',
        'the log could not be reached in time: this append wrote nothing; what an earlier one with these ids did is not known',
      );
