import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import type { Clock, Ids } from '../../commands/ports.ts';

/** Random bytes are fetched for so many ids at a time. */
const POOLED = 256;
const BYTES = 16;

/** UUIDv7 (RFC 9562) by our clock; within one millisecond a counter keeps them in order, from a random start in its lower half. */
export function timeOrderedIds(clock: Pick<Clock, 'epochMs'>): Ids {
  let lastMs = 0;
  let seq = 0;
  let pool = randomBytes(0);
  /** 16 bytes that nobody has seen. */
  const fresh = (): Uint8Array => {
    if (pool.length === 0) pool = randomBytes(POOLED * BYTES);
    const taken = pool.subarray(0, BYTES);
    pool = pool.subarray(BYTES);
    return taken;
  };
  return {
    uuid() {
      // The clock may be corrected backwards: order within this process is kept.
      const msecs = Math.max(clock.epochMs(), lastMs);
      seq = msecs === lastMs ? seq + 1 : randomBytes(4).readUInt32BE() >>> 1;
      lastMs = msecs;
      return v7({ msecs, seq, random: fresh() });
    },
  };
}
