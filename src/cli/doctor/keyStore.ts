import { KEY_TABLES, type KeyTableRow } from '../../adapters/crypto/keyTables.ts';
import { unwrap, type MasterKeys } from '../../adapters/crypto/masterKeys.ts';
import { openPool, type Pool } from '../../adapters/postgres/pool.ts';
import { over } from '../../adapters/postgres/transaction.ts';
import type { Places } from '../../compose/databases.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { fail, ok, type Finding } from './finding.ts';

const CHECK = 'keys';

async function idIn(pool: Pool, text: string): Promise<string | undefined> {
  return (await over(pool).query<{ id: string }>({ text }))[0]?.id;
}

/** Asked, not claimed: the first start names a new set of keys, a check does not. */
async function checkBelonging(keys: Pool, models: Pool): Promise<Finding> {
  const [here, there] = [await idIn(keys, 'select id from key_store'), await idIn(models, 'select key_store as id from installation')];
  if (there === undefined) return ok(CHECK, 'new: the first start ties keys and read models together');
  if (here === there) return ok(CHECK, 'belong to this installation');
  return fail(
    CHECK,
    here === undefined ? 'the database of keys is empty' : 'the keys are those of another installation',
    'Restore them (./tidings keys restore <file>), or point TIDINGS_KEYS_URL to the right database.',
  );
}

type Row = KeyTableRow & { readonly master_id: string; readonly wrapped: Buffer };

/** One key for each master key that wraps any: enough to see whether that master key is at hand and the right one. */
async function samplesOf(keys: Pool): Promise<readonly { readonly row: Row; readonly place: string }[]> {
  const samples: { readonly row: Row; readonly place: string }[] = [];
  for (const { name, key, place } of KEY_TABLES.filter((table) => table.name !== 'subject_keys')) {
    const columns = key.map(({ column }) => column).join(', ');
    const text = `select distinct on (master_id) ${columns}, master_id, wrapped from ${name} where wrapped is not null order by master_id`;
    samples.push(...(await over(keys).query<Row>({ text })).map((row) => ({ row, place: place(row) })));
  }
  return samples;
}

function whyShut(masters: MasterKeys, { master_id: masterId, wrapped }: Row, place: string): readonly string[] {
  try {
    unwrap(masters, { masterId, wrapped }, place);
    return [];
  } catch (error) {
    if (error instanceof PortError) return [error.message];
    throw error;
  }
}

async function checkMasters(keys: Pool, masters: MasterKeys): Promise<Finding> {
  const samples = await samplesOf(keys);
  const problems = new Set(samples.flatMap(({ row, place }) => whyShut(masters, row, place)));
  if (problems.size > 0)
    return fail(CHECK, [...problems].join('; '), 'Put that master key back into TIDINGS_MASTER_KEYS: without it what it wraps is lost.');
  return ok(CHECK, samples.length === 0 ? 'none has been made yet' : 'open under the master keys');
}

/** Whether the keys belong to the read models, and the master keys to the keys. */
export async function checkKeys({ keys, models }: Places, masters: MasterKeys | undefined): Promise<readonly Finding[]> {
  const opened: Pool[] = [];
  const open = async (url: string): Promise<Pool> => {
    const pool = await openPool({ url, role: 'tidings_worker', max: 1, applicationName: 'tidings doctor', statementTimeoutMs: 10_000 });
    opened.push(pool);
    return pool;
  };
  try {
    const [own, other] = [await open(keys.url), await open(models.url)];
    const belonging = await checkBelonging(own, other);
    if (masters !== undefined) return [belonging, await checkMasters(own, masters)];
    const lost = (await idIn(own, 'select master_id as id from index_keys limit 1')) !== undefined;
    const none = 'there are keys, and no master keys to open them';
    return lost ? [belonging, fail(CHECK, none, 'Set TIDINGS_MASTER_KEYS, or restore master-keys in the data directory.')] : [belonging];
  } finally {
    await Promise.all(opened.map((pool) => pool.end()));
  }
}
