import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import type { Clock, Ids } from '../../commands/ports.ts';

/** UUIDv7 (RFC 9562) by our clock; within one millisecond a counter keeps them in order, from a random start in its lower half. */
export function timeOrderedIds(clock: Pick<Clock, 'epochMs'>): Ids {
  let lastMs = 0;
  let seq = 0;
  return {
    uuid() {
      // The clock may be corrected backwards: order within this process is kept.
      const msecs = Math.max(clock.epochMs(), lastMs);
      seq = msecs === lastMs ? seq + 1 : randomBytes(4).readUInt32BE() >>> 1;
      lastMs = msecs;
      return v7({ msecs, seq });
    },
  };
}
