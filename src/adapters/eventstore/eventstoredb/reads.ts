import { BACKWARDS, END, FORWARDS, START, type EventStoreDBClient, type ReadPosition, type StreamingRead } from '@eventstore/db-client';
import { PortError } from '../../../domain/kernel/portError.ts';
import type { Position, StreamName } from '../../../domain/values/ids.ts';
import { beyondHead, bytesOfEvent, type Range } from '../checks.ts';
import type { FeedBatch, Filter, StoredEvent } from '../port.ts';
import { isMissingStream, isNotLeader, isUnknown, readFailed } from './failure.ts';
import type { StreamNames } from './names.ts';
import { fromWire, ORIGIN, placeOf, positionOf, taking, type Recorded } from './wire.ts';

export type PageLimits = {
  readonly events: number;
  /** UTF-8 bytes; a page ends with the event that reaches them. */
  readonly bytes: number;
  /** Events that one page looks at, whoever wrote them: what bounds a page whose filter lets little pass. */
  readonly window: number;
};

const STREAMS_AT_ONCE = 32;

/** Reads with a deadline (ms) each. */
export class Reads {
  readonly #client: EventStoreDBClient;
  readonly #names: StreamNames;
  readonly #deadlineMs: number;

  constructor(client: EventStoreDBClient, names: StreamNames, deadlineMs: number) {
    this.#client = client;
    this.#names = names;
    this.#deadlineMs = deadlineMs;
  }

  async stream(stream: StreamName, { from, backwards, limit }: Range): Promise<readonly StoredEvent[]> {
    // Asked for nothing, or for what lies behind the end, the server answers with an error.
    if (limit === 0 || (from === 'end' && !backwards)) return [];
    const fromRevision = from === 'end' ? END : BigInt(from);
    const direction = backwards ? BACKWARDS : FORWARDS;
    const events: StoredEvent[] = [];
    const name = this.#names.toServer(stream);
    try {
      await this.#read(
        () => this.#client.readStream(name, { direction, fromRevision, maxCount: limit, requiresLeader: true }),
        ({ event }) => {
          if (event) events.push(fromWire(event, stream));
          return true;
        },
      );
    } catch (error) {
      if (isMissingStream(error)) return [];
      throw readFailed(error);
    }
    return events;
  }

  async streams(streams: readonly StreamName[], whole: Range): Promise<ReadonlyMap<StreamName, readonly StoredEvent[]>> {
    const found = new Map<StreamName, readonly StoredEvent[]>(streams.map((stream) => [stream, []]));
    const left = [...found.keys()].values();
    const reader = async (): Promise<void> => {
      for (const stream of left) found.set(stream, await this.stream(stream, whole));
    };
    await Promise.all(Array.from({ length: Math.min(STREAMS_AT_ONCE, found.size) }, reader));
    return found;
  }

  /** Of the newest event, whoever wrote it. */
  async head(): Promise<Position | 'start'> {
    let head: Position | 'start' = 'start';
    const take: Take = ({ event }) => {
      if (event?.position) head = positionOf(event.position.commit);
      return true;
    };
    await this.#all({ direction: BACKWARDS, fromPosition: END, maxCount: 1 }, take).catch((error: unknown) => {
      throw readFailed(error);
    });
    return head;
  }

  /** @throws PortError `invalid` when the position lies beyond the head. */
  async page(after: Position | 'start', filter: Filter, limits: PageLimits): Promise<FeedBatch> {
    const place = placeOf(after);
    const ours = taking(this.#names, filter);
    const events: StoredEvent[] = [];
    let upTo = place === 'start' ? ORIGIN : positionOf(place.commit);
    let [examined, bytes] = [0, 0];
    if (limits.events === 0) return { events, upTo, caughtUp: (await this.headAfter(upTo)) <= upTo };
    const take = (event: Recorded, at: Position): boolean => {
      upTo = at;
      examined += 1;
      const stored = ours(event);
      if (stored) {
        bytes += bytesOfEvent(stored);
        events.push(stored);
      }
      return events.length < limits.events && bytes < limits.bytes;
    };
    // What is asked for beyond what the page takes is sent and parsed for nothing: more of it only where the filter lets little pass.
    for (let ask = limits.events; ; ask *= 8) {
      const end = await this.#stretch(upTo, Math.min(ask, limits.window - examined), take);
      if (end !== 'more' || examined >= limits.window) return { events, upTo, caughtUp: end === 'head' };
    }
  }

  /** Hands on what comes strictly after a position, so many events at most, until `take` has enough. Where that ended: there may be more, or the head. */
  async #stretch(from: Position, count: number, take: (event: Recorded, at: Position) => boolean): Promise<'enough' | 'more' | 'head'> {
    const place = placeOf(from);
    // Forwards the event at the position is part of what is read.
    const maxCount = place === 'start' ? count : count + 1;
    let seen = 0;
    const each: Take = ({ event }) => {
      seen += 1;
      const at = event?.position && positionOf(event.position.commit);
      return event === undefined || at === undefined || at <= from || take(event, at);
    };
    const isOver = await this.#all({ direction: FORWARDS, fromPosition: place === 'start' ? START : place, maxCount }, each).catch(
      async (error: unknown) => {
        // Within the last event there is no reading from it either, and nothing to read.
        if (isUnknown(error)) await this.headAfter(from);
        throw readFailed(error);
      },
    );
    if (seen === 0) await this.headAfter(from);
    if (!isOver) return 'enough';
    return seen < maxCount ? 'head' : 'more';
  }

  /** The head. @throws PortError `invalid` when the position lies beyond it. */
  async headAfter(position: Position): Promise<Position> {
    const head = await this.head();
    if (position > (head === 'start' ? ORIGIN : head)) throw beyondHead();
    return head === 'start' ? ORIGIN : head;
  }

  #all(
    options: { direction: typeof FORWARDS | typeof BACKWARDS; fromPosition: ReadPosition; maxCount: number },
    take: Take,
  ): Promise<boolean> {
    // A node that follows may lie behind what another process has read already: that is no log from an older backup.
    return this.#read(() => this.#client.readAll({ ...options, requiresLeader: true }), take);
  }

  /** Hands each event to `take` until that has enough; whether the read came to its own end. Asks again where another node leads. */
  async #read<T>(start: () => StreamingRead<T>, take: (resolved: T) => boolean): Promise<boolean> {
    let isBegun = false;
    const begin = (resolved: T): boolean => {
      isBegun = true;
      return take(resolved);
    };
    try {
      return await this.#once(start(), begin);
    } catch (error) {
      // The leader may also change between two pages of the server's: from the beginning, the first one would be taken twice.
      if (!isNotLeader(error) || isBegun) throw error;
      return this.#once(start(), take);
    }
  }

  #once<T>(read: StreamingRead<T>, take: (resolved: T) => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const end = (told: () => void): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        told();
      };
      // The call ends only where what is still on its way is taken as well, so that the stream flows on and is not destroyed.
      const stop = (told: () => void): void => {
        end(told);
        read.cancel().catch(() => undefined);
      };
      const timer = setTimeout(() => stop(() => reject(late())), this.#deadlineMs);
      read
        .on('data', (resolved: T) => {
          try {
            if (!isOver && !take(resolved)) stop(() => resolve(false));
          } catch (error) {
            stop(() => reject(error instanceof Error ? error : readFailed(error)));
          }
        })
        .on('end', () => end(() => resolve(true)))
        // It may also come after all is over, and would end the process if nobody listened.
        .on('error', (error: Error) => end(() => reject(error)));
    });
  }
}

const late = (): PortError => new PortError('unavailable', 'log_read_failed', 'the event store did not answer in time');

type Take = (resolved: { readonly event?: Recorded }) => boolean;
