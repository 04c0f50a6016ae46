import type { EventLog, WriteResult } from '../../commands/ports.ts';
import type { AnyFact } from '../../domain/kernel/decider.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import type { StreamName } from '../../domain/values/ids.ts';
import type { EventStore, StoredEvent, Write, WriteOutcome } from '../eventstore/port.ts';
import type { Codec } from './codec.ts';
import { isUnreadable, type Fault } from './decode.ts';

const failed = (error: PortError): WriteResult => ({ ok: false, conflict: false, error });
const isError = (it: Write | PortError): it is PortError => it instanceof PortError;

/** What only a newer release has written (while processes of both run, or after a step back); anything else that cannot be read is damaged. */
const NEWER: ReadonlySet<string> = new Set(['event_unknown', 'event_version_unknown'] satisfies readonly Fault[]);

/** The log in the domain's words, over a store of text. */
export function eventLog(store: EventStore, codec: Codec): EventLog {
  const decoded = (stored: StoredEvent): Recorded => {
    const event = codec.decode(stored);
    // A state folded without one of its events would be wrong: nothing can be decided here until a newer release reads it.
    if (!isUnreadable(event)) return event;
    const { code } = event.unreadable;
    throw new PortError('invalid', NEWER.has(code) ? 'newer_release' : code, `event ${stored.id} (${stored.type}) cannot be read: ${code}`);
  };

  return {
    async append(writes) {
      const encoded = await codec.encode(writes).catch((error: unknown): readonly (Write | PortError)[] => {
        if (error instanceof PortError) return writes.map(() => error);
        throw error;
      });
      const good = encoded.filter((it): it is Write => !isError(it));
      const outcomes: Iterator<WriteOutcome, undefined> = (good.length === 0 ? [] : await store.appendMany(good)).values();
      return encoded.map((it): WriteResult => {
        if (isError(it)) return failed(it);
        const next = outcomes.next();
        if (next.done === true) throw new RangeError('the store gave fewer outcomes than it was given writes');
        return next.value;
      });
    },

    async read<E extends AnyFact>(streams: readonly StreamName[]) {
      const stored = await store.readStreams(streams);
      const read = new Map<StreamName, readonly Recorded<E>[]>();
      // A stream's noun says which events it holds; the caller names the noun.
      for (const stream of streams)
        read.set(stream, (stored.get(stream) ?? []).map(decoded) as readonly Recorded[] as readonly Recorded<E>[]);
      return read;
    },
  };
}
