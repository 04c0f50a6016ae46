import type { WriteOutcome } from '../port.ts';

/** A write that waits for its outcome. */
export type Pending = {
  readonly stream: string;
  readonly events: number;
  /** Its events as `log.append` takes them, each without its opening brace and write number. */
  readonly rows: readonly string[];
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

/** Writes in order of arrival, bounded in bytes. A stream has at most one write in hand: its next one waits until that is done. */
export class AppendQueue {
  readonly #maxBytes: number;
  #ready: Pending[] = [];
  #taken = 0;
  #bytes = 0;
  readonly #behind = new Map<string, Pending[]>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that wait or are under way. */
  get bytes(): number {
    return this.#bytes;
  }

  get isReady(): boolean {
    return this.#taken < this.#ready.length;
  }

  /** `false`: full, not taken in. */
  offer(write: Pending): boolean {
    if (this.#bytes > 0 && this.#bytes + write.bytes > this.#maxBytes) return false;
    this.#bytes += write.bytes;
    const behind = this.#behind.get(write.stream);
    if (behind) behind.push(write);
    else {
      this.#behind.set(write.stream, []);
      this.#ready.push(write);
    }
    return true;
  }

  /** The next batch: the oldest write, and what else fits. */
  take(limits: BatchLimits): readonly Pending[] {
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
  done(write: Pending): void {
    if (write.released) return;
    write.released = true;
    this.#bytes -= write.bytes;
    const behind = this.#behind.get(write.stream);
    const next = behind?.shift();
    if (next) this.#ready.push(next);
    else this.#behind.delete(write.stream);
  }
}
