import { Temporal } from 'temporal-polyfill';
import { instantOf, plusMs, type Instant } from '../values/instant.ts';
import type { Schedule } from '../values/schedule.ts';
import { isTimeZone } from '../values/timeZone.ts';

/**
 * A wall time in an IANA zone as an instant: one in a DST gap moves forward to the first valid instant, of one that occurs twice the
 * first is used (RFC 5545 §3.3.5 says the same). @throws RangeError for a zone or a wall time that does not exist; the edge checks.
 */
export function instantOfWallTime(local: string, timeZone: string): Instant {
  const wall = Temporal.PlainDateTime.from(local);
  const later = wall.toZonedDateTime(timeZone, { disambiguation: 'later' });
  const earlier = wall.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
  const exists = earlier.toPlainDateTime().equals(wall);
  return instantOf(exists ? earlier.epochMilliseconds : firstAfterGap(earlier, later));
}

/** In a gap `earlier` lies before the jump and `later` behind it: the first valid instant is the jump itself. */
function firstAfterGap(earlier: Temporal.ZonedDateTime, later: Temporal.ZonedDateTime): number {
  return earlier.getTimeZoneTransition('next')?.epochMilliseconds ?? later.epochMilliseconds;
}

/** The earliest zone is at UTC+14: a local time comes there first. With the clock's slack that is 26 hours. */
const EARLIEST_MS = -14 * 3_600_000;

/** When planning begins: at the instant, or, where each recipient has a zone of their own, when the first of them could be due. */
export function planAtOf(schedule: Schedule | undefined, now: Instant): Instant {
  const at = schedule === undefined ? now : scheduleStart(schedule);
  return at < now ? now : at;
}

function scheduleStart(schedule: Schedule): Instant {
  if ('at' in schedule) return schedule.at;
  return schedule.timeZone === 'recipient'
    ? plusMs(instantOfWallTime(schedule.local, 'UTC'), EARLIEST_MS)
    : instantOfWallTime(schedule.local, schedule.timeZone);
}

/**
 * When it may go to this person; `zone` is theirs, or the tenant's where they have none. All of them were checked when they were given:
 * one that this runtime does not know comes from a newer one, and the local time of the last zone on Earth is too early for nobody.
 */
export function dueFor(schedule: Schedule | undefined, zone: string): Instant | undefined {
  if (schedule === undefined) return undefined;
  if ('at' in schedule) return schedule.at;
  const wanted = schedule.timeZone === 'recipient' ? zone : schedule.timeZone;
  return instantOfWallTime(schedule.local, isTimeZone(wanted) ? wanted : LAST_ZONE);
}
const LAST_ZONE = 'Etc/GMT+12';
