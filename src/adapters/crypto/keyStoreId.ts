import type { Transaction } from '../../consumers/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import type { Pool } from '../postgres/pool.ts';
import { over } from '../postgres/transaction.ts';

/** Which set of keys a database holds: named at first use, carried by backups. */
export async function keyStoreId(db: Transaction): Promise<string> {
  const text = 'insert into key_store default values on conflict (only_one) do update set only_one = true returning id';
  const [row] = await db.query<{ readonly id: string }>({ text });
  if (row === undefined) throw new PortError('unavailable', 'key_store_unnamed', 'the database of keys did not say which keys it holds');
  return row.id;
}

/**
 * Makes sure that the read models' database and the keys belong together, as they did when the service first started: in front of new
 * and empty keys it must not go on, or new keys would be made for people whose data was sealed under the lost ones.
 * Both pools act as tidings_worker. Read models that do not know yet are tied to these keys, once `before` has found nothing against it.
 * @throws PortError `invalid`, `key_store_other`; what `before` throws.
 */
export async function checkKeyStore(keys: Pool, models: Pool, before?: () => Promise<unknown>): Promise<void> {
  if ((await over(models).query({ text: 'select from installation' })).length === 0) await before?.();
  const id = await keyStoreId(over(keys));
  const [row] = await over(models).query<{ readonly key_store: string }>({
    text: `insert into installation (key_store) values ($1) on conflict (only_one) do update set only_one = true returning key_store`,
    values: [id],
  });
  if (row?.key_store === id) return;
  throw new PortError(
    'invalid',
    'key_store_other',
    'The keys at TIDINGS_KEYS_URL are not those that this installation began with. Restore them (tidings keys restore) or point to the right database.',
  );
}
