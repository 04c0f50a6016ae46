import { PortError } from '../domain/kernel/portError.ts';
import { LIVE_CHANNEL } from './notices.ts';
import type { Database, LiveTables, Time } from './ports.ts';

/** Below the time for which replaced tables stay, so that a lost NOTIFY costs nothing. */
const KEEP_MS = 30_000;

/**
 * Which tables are live, kept for a while and forgotten when a NOTIFY says that they were swapped. Tables that have never been at the head are
 * nobody's to read: after a loss of the database, people who have opted out would be missing from them, and so would everybody's keys.
 */
export async function openLiveTables(db: Database, time: Time): Promise<LiveTables & { readonly close: () => Promise<void> }> {
  const known = new Map<string, { readonly suffix: string; readonly until: number }>();
  let generation = 0;
  const close = await db.listen(LIVE_CHANNEL, (name) => {
    generation += 1;
    if (name === undefined) known.clear();
    else known.delete(name);
  });
  return {
    suffixOf: async (projection) => {
      const present = known.get(projection);
      if (present && time.epochMs() < present.until) return present.suffix;
      const asked = generation;
      const [row] = await db.query<{ suffix: string }>({
        name: 'consumers.live',
        text: `select suffix from consumers where name = $1 and state = 'live' and caught_up_at is not null`,
        values: [projection],
      });
      if (!row)
        throw new PortError(
          'unavailable',
          'projection_not_ready',
          `the tables of ${projection} are not made yet, or still being filled for the first time`,
        );
      if (asked === generation) known.set(projection, { suffix: row.suffix, until: time.epochMs() + KEEP_MS });
      return row.suffix;
    },
    close,
  };
}
