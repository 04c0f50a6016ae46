/** `place`: where the page before ended, as its `next` said. */
export type PageRequest = { readonly limit: number; readonly place?: string };
/** `next`: null at the end. */
export type Page<Row> = { readonly rows: readonly Row[]; readonly next: string | null };

/** Of a query that read one row more than the limit: that it is there says that there is another page. */
export function pageOf<Row>(rows: readonly Row[], limit: number, placeOf: (last: Row) => string): Page<Row> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > limit && last !== undefined ? placeOf(last) : null };
}

/** Of a list that was read as a whole, in the order of its places; what comes or goes between two pages moves nothing else. */
export function pageOfAll<Row>(all: readonly Row[], { limit, place = '' }: PageRequest, placeOf: (row: Row) => string): Page<Row> {
  const after = all.filter((row) => placeOf(row) > place);
  return pageOf(
    after.sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)),
    limit,
    placeOf,
  );
}
