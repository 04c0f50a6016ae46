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
  /** For `json_to_recordset($1)`. */
  json(): string {
    return JSON.stringify([...this.#rows.values()]);
  }
}
