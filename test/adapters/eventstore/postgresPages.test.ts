import { expect, test } from 'vitest';
import { OnDisk } from '../../../src/adapters/eventstore/postgres/onDisk.ts';
import { Pages, type Queryable } from '../../../src/adapters/eventstore/postgres/pages.ts';
import { aStream } from '../../contract/eventStore/samples.ts';

type Asked = { readonly name: string; readonly values?: readonly unknown[] };

test('a stream that others append to all the time is read at once: as far as it was on disk when that was asked', async () => {
  const stream = aStream();
  const asked: string[] = [];
  let newest = 0;
  const query = ({ name, values = [] }: Asked): Promise<{ readonly rows: readonly (readonly string[])[] }> => {
    asked.push(name);
    if (asked.length > 10) return Promise.reject(new Error('it reads on and on'));
    if (name !== 'log_forwards') return Promise.resolve({ rows: [[String(newest)]] });
    newest += 1;
    const positions = Array.from({ length: newest }, (_, at) => at + 1).filter((position) => position <= Number(values.at(-1)));
    return Promise.resolve({ rows: positions.map((position) => [String(position), stream, String(position - 1), 'T', 'id', '{}', '{}']) });
  };
  const pages = new Pages({ query } as unknown as Queryable, 1_000, new OnDisk());
  const read = await pages.stream(stream, 0, { backwards: false, limit: 100 });
  expect(read.map(({ revision }) => revision)).toStrictEqual([0]);
  expect(asked).toStrictEqual(['log_forwards', 'log_head', 'log_flush', 'log_forwards']);
});
