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
