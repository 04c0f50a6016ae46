export type Conflict = {
  readonly key: readonly string[];
  /** Said by the first event alone, and left as they are by later ones. */
  readonly first?: readonly string[];
  /** What becomes of a column that a row leaves out. */
  readonly absent: 'stays' | 'becomes null';
};

/**
 * The text of a statement over `Rows.json()`: new rows, and changes of those that are there unless they are as new already. `columns`:
 * each with the type as which it is read from JSON, in SQL; one of them is `position`.
 */
export function upsert(table: string, columns: string, { key, first = [], absent }: Conflict): string {
  const names = columns.split(', ').map((column) => column.replace(/ .*/, ''));
  const changed = names
    .filter((name) => !key.includes(name) && !first.includes(name))
    .map((name) => `${name} = ${absent === 'stays' ? `coalesce(excluded.${name}, t.${name})` : `excluded.${name}`}`);
  return `insert into ${table} as t (${names.join(', ')})
    select ${names.join(', ')} from json_to_recordset($1) as r (${columns})
    on conflict (${key.join(', ')}) do update set ${changed.join(', ')} where t.position < excluded.position`;
}
