import type { Cluster } from '../support/cluster.ts';

export type Digest = { readonly rows: number; readonly digest: string };

/** Of all rows that a query gives, in whatever order they were written. */
export async function digestOf({ query }: Pick<Cluster, 'query'>, rows: string): Promise<Digest> {
  const [found] = await query<Digest>(
    `select count(*)::int as rows, coalesce(md5(string_agg(d::text, ' ' order by d::text collate "C")), '') as digest from (${rows}) d`,
  );
  return found ?? { rows: 0, digest: '' };
}
