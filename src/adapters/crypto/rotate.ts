import type { Transaction } from '../../consumers/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import type { Pool } from '../postgres/pool.ts';
import { over } from '../postgres/transaction.ts';
import { KEY_TABLES, type KeyTable, type KeyTableRow } from './keyTables.ts';
import { unwrap, wrap, type MasterKeys } from './masterKeys.ts';

const PAGE = 1_000;

/** `unreadable`: rows whose master key is not at hand or is another one: they are left as they are. */
export type Rotated = { readonly rewrapped: number; readonly unreadable: number };

type Row = KeyTableRow & { readonly master_id: string; readonly wrapped: Buffer };
type Rewrapped = { readonly old: string; readonly master_id: string; readonly wrapped: string };

function rewrap(masters: MasterKeys, { place }: KeyTable, row: Row): Rewrapped | undefined {
  try {
    const key = wrap(masters, unwrap(masters, { masterId: row.master_id, wrapped: row.wrapped }, place(row)), place(row));
    return { ...row, old: row.wrapped.toString('base64'), master_id: key.masterId, wrapped: key.wrapped.toString('base64') };
  } catch (error) {
    if (error instanceof PortError) return undefined;
    throw error;
  }
}

const pageQuery = ({ name, key }: KeyTable): string => {
  const columns = key.map(({ column }) => column).join(', ');
  const after = key.map((_, index) => `$${index + 2}`).join(', ');
  return `select ${columns}, master_id, wrapped from ${name}
           where master_id <> $1 and (${columns}) > (${after}) order by ${columns} limit ${PAGE}`;
};

/** Only what is still as it was read: a key destroyed or rewrapped meanwhile stays so. */
const updateQuery = ({ name, key }: KeyTable): string => {
  const columns = key.map(({ column, type }) => `${column} ${type}`).join(', ');
  const same = key.map(({ column }) => `k.${column} = w.${column}`).join(' and ');
  return `update ${name} k set master_id = w.master_id, wrapped = decode(w.wrapped, 'base64')
            from json_to_recordset($1) as w (${columns}, old text, master_id text, wrapped text)
           where ${same} and k.wrapped = decode(w.old, 'base64') returning 1`;
};

async function rotateTable(db: Transaction, masters: MasterKeys, table: KeyTable): Promise<Rotated> {
  let after: readonly unknown[] = table.key.map(({ first }) => first);
  let [rewrapped, unreadable] = [0, 0];
  for (;;) {
    const rows = await db.query<Row>({ text: pageQuery(table), values: [masters.first, ...after] });
    const last = rows.at(-1);
    if (last === undefined) return { rewrapped, unreadable };
    const done = rows.flatMap((row) => rewrap(masters, table, row) ?? []);
    unreadable += rows.length - done.length;
    rewrapped += (await db.query({ text: updateQuery(table), values: [JSON.stringify(done)] })).length;
    after = table.key.map(({ column }) => last[column]);
  }
}

/**
 * Rewraps under the first master key all that another one wraps, 1,000 rows a statement. It may be stopped and started again, run
 * twice at once and while everything serves; what it does not reach stays readable as long as the old master key is configured.
 */
export async function rotateKeys(pool: Pool, masters: MasterKeys): Promise<Rotated> {
  const sum = { rewrapped: 0, unreadable: 0 };
  for (const table of KEY_TABLES) {
    const { rewrapped, unreadable } = await rotateTable(over(pool), masters, table);
    sum.rewrapped += rewrapped;
    sum.unreadable += unreadable;
  }
  return sum;
}
