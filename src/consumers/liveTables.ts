import { PortError } from '../domain/kernel/portError.ts';
import { LIVE_CHANNEL } from './notices.ts';
import type { Database, LiveTables, Time } from './ports.ts';

/** Below the time for which replaced tables stay, so that a lost NOTIFY costs nothing. */
const KEEP_MS = 30_000;

/**
 * Which tables are live, kept for a while and forgotten when a NOTIFY says that they were swapped. Tables that have never been at the head are
 * nobody's to read: after a loss of the database, people who have opted out would be missing from them, and so would everybody's keys. Nor are
 * those of another release this one's: its columns and their meaning may differ, and a query that fails by that would look like a fault of what
 * was asked. `versions`: of the tables that this code reads.
 */
export async function openLiveTables(
  db: Database,
  time: Time,
  versions: Readonly<Record<string, number>>,
): Promise<LiveTables & { readonly close: () => Promise<void> }> {
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
      const [row] = await db.query<{ suffix: string; version: number }>({
        name: 'consumers.live',
        text: `select suffix, version from consumers where name = $1 and state = 'live' and caught_up_at is not null`,
        values: [projection],
      });
      if (!row)
        throw new PortError(
          'unavailable',
          'projection_not_ready',
          `the tables of ${projection} are not made yet, or still being filled for the first time`,
        );
      const version = versions[projection] ?? 0;
      if (row.version > version) throw newer(projection);
      if (row.version < version) throw older(projection);
      if (asked === generation) known.set(projection, { suffix: row.suffix, until: time.epochMs() + KEEP_MS });
      return row.suffix;
    },
    close,
  };
}

const newer = (projection: string): PortError =>
  new PortError('unavailable', 'newer_release', `the tables of ${projection} are those of a newer release: this process is to be replaced`);
const older = (projection: string): PortError =>
  new PortError(
    'unavailable',
    'projection_not_ready',
    `the tables of ${projection} are those of an older release until this one's are filled`,
  );
