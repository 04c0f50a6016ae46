import { setTimeout as sleep } from 'node:timers/promises';
import { NO_STREAM, type AppendExpectedRevision, type EventData, type EventStoreDBClient } from '@eventstore/db-client';
import { PortError } from '../../../domain/kernel/portError.ts';
import { betweenAttempts } from '../retrying.ts';
import { bytesOfEvent, failed } from '../checks.ts';
import type { AppendObserver } from '../observer.ts';
import { type AppendOptions, PendingAppends, type Pending } from '../pendingAppends.ts';
import type { Write, WriteOutcome } from '../port.ts';
import { within } from '../within.ts';
import { mayHaveBeenTaken } from './enduring.ts';
import { appendDenied, codeOf, isDenied, statusOf, verdictOf } from './failure.ts';
import type { StreamNames } from './names.ts';
import { positionOf, toWire } from './wire.ts';

/** `atOnce`: appends under way; they share one stream of the client's, so that more of them cost no connections. */
export type EventStoreDbAppendOptions = AppendOptions & { readonly atOnce: number };

/** Timers of Node reach no further than 24 days. */
const A_WEEK_MS = 7 * 86_400_000;

/** A write as it goes to the server. */
type Sent = { readonly stream: string; readonly events: EventData[] };

/** One append of the server's for each write, many under way at once, each sent again until its outcome is definite. */
export class Appends {
  readonly #client: EventStoreDBClient;
  readonly #queue: PendingAppends<Sent>;
  readonly #names: StreamNames;
  readonly #options: EventStoreDbAppendOptions;
  readonly #observer: AppendObserver;
  readonly #underWay = new Set<Promise<void>>();

  constructor(client: EventStoreDBClient, names: StreamNames, options: EventStoreDbAppendOptions, observer: AppendObserver) {
    this.#client = client;
    this.#names = names;
    this.#queue = new PendingAppends(options);
    this.#options = options;
    this.#observer = observer;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** The write has passed `refusalOf`. Never rejects. */
  append(write: Write): Promise<WriteOutcome> {
    try {
      // What cannot be written as it should is refused here: the client would never answer for it.
      const body = { stream: this.#names.toServer(write.stream), events: write.events.map(toWire) };
      const bytes = write.events.reduce((sum, event) => sum + bytesOfEvent(event), 0);
      return this.#queue.offer(write, { body, bytes }, () => this.#start());
    } catch (error) {
      if (error instanceof PortError) return Promise.resolve(failed(error));
      throw error;
    }
  }

  /** Waits for what was accepted, each within its deadline; then nothing is accepted any more. */
  async close(): Promise<void> {
    this.#queue.close();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #start(): void {
    while (this.#queue.ready > 0 && this.#underWay.size < this.#options.atOnce) {
      for (const pending of this.#queue.take({ writes: 1, bytes: Infinity })) {
        const work = this.#deliver(pending).finally(() => {
          this.#underWay.delete(work);
          this.#queue.done(pending);
          this.#start();
        });
        this.#underWay.add(work);
      }
    }
  }

  /** With the same ids and the same expectation each time: the server answers a repeat as it did the first (and only then). */
  async #deliver(pending: Pending<Sent>): Promise<void> {
    const pauseMs = betweenAttempts(this.#options.attemptMs);
    while (!pending.settled) {
      const wasOpen = pending.open;
      pending.open = true;
      try {
        return await this.#call(pending);
      } catch (error) {
        const isOpen = wasOpen || (statusOf(error) !== undefined && mayHaveBeenTaken());
        this.#observer.onAppendFailure?.({ writes: 1, code: codeOf(error) });
        const verdict = isDenied(error) ? failed(appendDenied(isOpen)) : verdictOf(error);
        if (verdict !== undefined) return pending.settle(verdict);
        await sleep(pauseMs());
      }
    }
  }

  async #call({ write, body, bytes, settle }: Pending<Sent>): Promise<void> {
    const from = performance.now();
    const expectedRevision: AppendExpectedRevision = write.at === 'absent' ? NO_STREAM : BigInt(write.at);
    // To the client a deadline is an instant by our clock, to the server one by its own, which keeps a limit besides: of two clocks that
    // differ it would refuse everything.
    const options = { expectedRevision, requiresLeader: true, deadline: A_WEEK_MS };
    const sent = this.#client.appendToStream(body.stream, body.events, options);
    // The client keeps no deadline of an append: a frozen server is noticed by its keep-alive, after 20 s.
    const { nextExpectedRevision, position } = await within(this.#options.attemptMs, sent);
    if (position === undefined) throw new TypeError('the event store has appended and does not say where');
    settle({ ok: true, revision: Number(nextExpectedRevision), position: positionOf(position.commit) });
    this.#observer.onAppend?.({ writes: 1, events: body.events.length, bytes, ms: performance.now() - from });
  }
}
