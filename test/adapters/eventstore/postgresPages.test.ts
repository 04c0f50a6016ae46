import { expect, test } from 'vitest';
import { OnDisk } from '../../../src/adapters/eventstore/postgres/onDisk.ts';
import { Pages, type Queryable } from '../../../src/adapters/eventstore/postgres/pages.ts';
import type { EncodedEvent } from '../../../src/adapters/eventstore/port.ts';
import { lazyPool } from '../../../src/adapters/postgres/pool.ts';
import { anEvent, aStream } from '../../contract/eventStore/samples.ts';
import { setStage } from './postgresStore.ts';

const stage = setStage();

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

test('streams of a log that was never analysed are found by their names alone, not by looking at every position', async () => {
  const store = await stage.open({}, 'straight');
  const event = (): EncodedEvent => anEvent({ data: JSON.stringify({ text: 'x'.repeat(1_000) }) });
  const events = (): EncodedEvent[] => Array.from({ length: 4 }, event);
  await store.appendMany(Array.from({ length: 1_000 }, () => ({ stream: aStream(), at: 'absent' as const, events: events() })));
  const pool = lazyPool({ url: stage.database().url, role: 'tidings_worker', max: 1 });
  const plans: string[] = [];
  const explained = async (asked: { readonly text: string; readonly values?: unknown[] }): Promise<unknown> => {
    const { rows } = await pool.query<object>(`explain ${asked.text}`, asked.values);
    plans.push(JSON.stringify(rows));
    return { rows: [] };
  };
  const pages = new Pages({ query: explained } as unknown as Queryable, 1_000, new OnDisk());
  await pages.streams([aStream(), aStream()]);
  await pool.end();
  expect(plans.map((plan) => [plan.includes('events_stream_revision_key'), plan.includes('events_pkey')])).toStrictEqual([[true, false]]);
});
