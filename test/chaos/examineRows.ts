import { CONSUMERS } from '../../src/compose/readModels.ts';
import { eventually, type Client } from '../support/client.ts';
import type { ChaosRun } from './chaosRun.ts';
import { digestOf, type Digest } from './digest.ts';
import type { Ground } from './ground.ts';

const suffixOf = async ({ cluster }: Ground, name: string): Promise<string> => {
  const [live] = await cluster.query<{ suffix: string }>(`select suffix from consumers where name = $1 and state = 'live'`, [name]);
  return live?.suffix ?? '';
};

/** Of all tables of a read model. */
async function digestOfModel({ cluster }: Ground, name: string, suffix: string): Promise<Digest> {
  const tables = CONSUMERS.find((consumer) => consumer.name === name)?.tables ?? [];
  const all = await Promise.all(tables.map((table) => digestOf(cluster, `select * from ${table}${suffix}`)));
  return { rows: all.reduce((sum, { rows }) => sum + rows, 0), digest: all.map(({ digest }) => digest).join(' ') };
}

/** Rows and checkpoints moved together: built anew from the log the rows are the same, and nothing is left to be done. */
export async function examineRows(
  ground: Ground,
  client: Client,
  run: ChaosRun,
  names: readonly string[] = ['notifications'],
): Promise<void> {
  const actions = async (): Promise<true | undefined> => {
    const [row] = await ground.cluster.query<{ left: number }>('select count(*)::int as left from actions');
    return row?.left === 0 ? true : undefined;
  };
  const left = await eventually('no action is left', actions, { deadlineMs: 60_000 }).catch(() => false);
  run.must('no action is left', left, left ? 'none' : 'some');
  const atHead = async (): Promise<true | undefined> => {
    const { status, body } = await client.get('/v1/projections');
    return status === 200 && body.data.every((it: any) => it.status === 'live' && it.lag === 0) ? true : undefined;
  };
  await eventually('every read model is at the head', atHead, { deadlineMs: 60_000 });
  const differing: string[] = [];
  let rows = 0;
  for (const name of names) {
    const before = await suffixOf(ground, name);
    const was = await digestOfModel(ground, name, before);
    const { status } = await client.post(`/v1/projections/${name}/rebuild`, {});
    if (status !== 202) throw new Error(`the rebuild was answered ${String(status)}`);
    const swapped = async (): Promise<string | undefined> => {
      const now = await suffixOf(ground, name);
      return now === before ? undefined : now;
    };
    const after = await eventually(`${name} is built anew`, swapped, { deadlineMs: 120_000 });
    const is = await digestOfModel(ground, name, after);
    rows += was.rows;
    if (is.digest !== was.digest) differing.push(name);
  }
  run.must(
    `no partial batch: built anew the same (${names.join(', ')})`,
    differing.length === 0 && rows > 0,
    differing.length === 0 ? `${String(rows)} rows are equal` : `${differing.join(', ')}: they differ`,
  );
}
