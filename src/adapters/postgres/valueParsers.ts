import pg from 'pg';
import type { Instant } from '../../domain/values/instant.ts';

/** int8: a number while it is exact, beyond that a bigint, which JSON.stringify refuses loudly instead of rounding. */
export function int8(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

const TIMESTAMPTZ = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/;

/**
 * timestamptz: an Instant; Postgres' microseconds are cut off, never rounded up into the future. Every session runs in UTC.
 * @throws RangeError for infinity and for years that RFC 3339 cannot write.
 */
export function timestamptz(text: string): Instant {
  const [, day, time, fraction = ''] = TIMESTAMPTZ.exec(text) ?? [];
  if (day === undefined || time === undefined)
    throw new RangeError('a timestamptz that is no instant of RFC 3339, or a session that is not in UTC');
  return `${day}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z` as Instant;
}

const asText = (text: string): string => text;
const { builtins } = pg.types;
const PARSERS = new Map<number, (text: string) => unknown>([
  [builtins.INT8, int8],
  [builtins.TIMESTAMPTZ, timestamptz],
  // Wall times and dates have no zone: pg would put them into the process's own.
  [builtins.TIMESTAMP, asText],
  [builtins.DATE, asText],
  [builtins.NUMERIC, asText],
  [1016, (text) => arrayOf(text, int8)],
  [1185, (text) => arrayOf(text, timestamptz)],
]);

/** One-dimensional arrays of values that hold neither commas nor quotes of their own. */
function arrayOf<T>(text: string, parse: (text: string) => T): (T | null)[] {
  const inner = text.slice(1, -1);
  return inner === '' ? [] : inner.split(',').map((item) => (item === 'NULL' ? null : parse(item.replaceAll('"', ''))));
}

/** For `types` of a pg client: chosen per connection, never set globally. */
export const valueParsers: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => PARSERS.get(oid) ?? (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
};
