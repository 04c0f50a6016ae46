/** Rows of one table, folded to one per key: what a later event says of a column replaces what an earlier one said. */
export class Rows<Row extends object> {
  readonly #rows = new Map<string, Partial<Row>>();

  /** Columns that are left out keep what they have; in the database too, where the statement coalesces. */
  set(key: string, columns: Partial<Row>): void {
    this.#rows.set(key, { ...this.#rows.get(key), ...columns });
  }
  get size(): number {
    return this.#rows.size;
  }
  json(): string {
    return jsonRows([...this.#rows.values()]);
  }
}

/** The escape of U+0000, but not a backslash followed by `u0000`. */
const NUL = /(?<!\\)((?:\\\\)*)\\u0000/g;

/**
 * For `json_to_recordset($1)`. Postgres takes no U+0000 in text, and an event that holds one would be parked for ever: it is shown as
 * U+FFFD, as browsers do. Lone surrogates, its other refusal, have no canonical JSON, so no event holds one.
 */
export const jsonRows = (rows: readonly object[]): string => JSON.stringify(rows).replace(NUL, '$1\\ufffd');
