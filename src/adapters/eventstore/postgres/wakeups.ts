import type { Position } from '../../../domain/values/ids.ts';
import type { Listener } from '../../postgres/notify.ts';
import type { OnDisk } from './onDisk.ts';
import { numberOf } from '../positions.ts';

const CHANNEL = 'tidings_log';

/** Tells subscriptions of appends, by whichever process. A notification is a hint: whoever waits also looks from time to time. */
export class Wakeups {
  readonly #listener: Pick<Listener, 'subscribe'>;
  readonly #pollMs: number;
  readonly #waiting = new Set<() => void>();
  readonly #onDisk: OnDisk;
  #listening: Promise<(() => void) | undefined> | undefined;

  /** `pollMs`: after how long, on average, a subscription looks unasked. */
  constructor(listener: Pick<Listener, 'subscribe'>, pollMs: number, onDisk: OnDisk) {
    this.#listener = listener;
    this.#pollMs = pollMs;
    this.#onDisk = onDisk;
  }

  /**
   * For one subscription. Resolves when something new lies after the position, when it is time to look again, or when the
   * signal aborts. What was announced but could not be read (a replica, a restored log) is announced once, not over and over.
   */
  follow(): (after: Position, signal: AbortSignal) => Promise<void> {
    let acted = 0;
    return async (after, signal) => {
      // Whoever closed the listener is closing everything; until then polling serves.
      this.#listening ??= this.#listener.subscribe(CHANNEL, (payload) => this.#heard(payload)).catch(() => undefined);
      if (this.#onDisk.upTo <= Math.max(numberOf(after), acted)) await this.#wait(signal);
      acted = this.#onDisk.upTo;
    };
  }

  close(): void {
    void this.#listening?.then((unsubscribe) => unsubscribe?.());
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, this.#pollMs * (0.75 + 0.5 * Math.random()));
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** `null`: the listening connection is new, and anything may have been missed. */
  #heard(payload: string | null): void {
    if (payload !== null) this.#onDisk.reached(Number(payload));
    for (const wake of [...this.#waiting]) wake();
  }
}
