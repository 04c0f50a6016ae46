/** `place`: where the page before ended. */
type Asked = { readonly limit: number; readonly place?: string };

/** A page of a list that was read as a whole, in the order of its places; what comes or goes between two pages moves nothing else. */
export function pageOfAll<Row>(all: readonly Row[], { limit, place = '' }: Asked, placeOf: (row: Row) => string) {
  const after = all.filter((row) => placeOf(row) > place).sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  const rows = after.slice(0, limit);
  const last = rows.at(-1);
  return { rows, next: after.length > limit && last !== undefined ? placeOf(last) : null };
}
