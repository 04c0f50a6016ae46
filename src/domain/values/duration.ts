import { reject } from '../kernel/rejection.ts';
import type { Rejection } from '../kernel/rejection.ts';

const DURATION = /^P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,3})?)S)?)?$/;
/** A century: an instant that it is added to stays an instant. */
const LONGEST_MS = 36_525 * 86_400_000;
const UNITS_MS = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000] as const;

/**
 * An ISO 8601 duration in weeks, days, hours, minutes and seconds → milliseconds. A day is 24 hours. Years and months are refused:
 * they have no length of their own, and so is more than a century.
 */
export function parseDuration(text: string): number | Rejection<'invalid_duration'> {
  const parts = DURATION.exec(text);
  if (parts === null || /[PT]$/.test(text)) return reject('invalid_duration', 'write an ISO 8601 duration in weeks to seconds, like PT2H');
  const ms = Math.round(UNITS_MS.reduce((sum, unit, place) => sum + unit * Number(parts[place + 1] ?? 0), 0));
  return ms <= LONGEST_MS ? ms : reject('invalid_duration', 'write a duration of at most 36525 days');
}

/** Milliseconds → ISO 8601 in days to seconds: `P1DT2H`, `PT0S`. */
export function durationOf(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  const time = [
    [Math.floor(ms / 3_600_000) % 24, 'H'],
    [Math.floor(ms / 60_000) % 60, 'M'],
    [(ms % 60_000) / 1000, 'S'],
  ] as const;
  const clock = time.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('');
  if (days === 0 && clock === '') return 'PT0S';
  return `P${days === 0 ? '' : `${days}D`}${clock === '' ? '' : `T${clock}`}`;
}
