import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEventStoreDb, type EventStoreDbOptions } from '../../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import type { EventStore } from '../../../src/adapters/eventstore/port.ts';
import { aStream, refusal, someEvents } from '../../contract/eventStore/samples.ts';
import { startEventStoreDouble, type EventStoreDouble } from '../../support/eventstoredb/eventStoreDouble.ts';

const ENDINGS = ['uncaughtException', 'unhandledRejection'] as const;
type Ending = (error: unknown) => void;
let before: (readonly [(typeof ENDINGS)[number], readonly Ending[]])[];
/** What would have ended the process. */
let ended: unknown[];
let undo: (() => Promise<unknown>)[];

beforeEach(() => {
  [ended, undo] = [[], []];
  before = ENDINGS.map((ending) => [ending, process.listeners(ending as 'uncaughtException') as Ending[]] as const);
  for (const ending of ENDINGS) process.removeAllListeners(ending).on(ending, (error: unknown) => ended.push(error));
});
afterEach(async () => {
  for (const one of undo.reverse()) await one();
  for (const [ending, heard] of before) {
    process.removeAllListeners(ending);
    for (const hear of heard) process.on(ending, hear);
  }
});

async function aNode(): Promise<EventStoreDouble> {
  const node = await startEventStoreDouble();
  undo.push(node.close);
  return node;
}
const outcomeOf = (append: Promise<unknown>): Promise<unknown> => append.catch((error: unknown) => error);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A store that has appended to the one node, has been referred to the other, and still has a stream of appends to each. */
async function atTwoNodes(scheme: string, options: Omit<EventStoreDbOptions, 'url'> = {}) {
  const [first, second] = [await aNode(), await aNode()];
  const store: EventStore = await openEventStoreDb({ url: first.url.replace('esdb', scheme), ...options });
  undo.push(() => store.close());
  await store.append(aStream(), 'absent', someEvents(1));
  first.referToLeader(second.endpoint);
  await store.readStream(aStream());
  await store.append(aStream(), 'absent', someEvents(1));
  expect(second.events().filter(({ stream }) => !stream.startsWith('$'))).toHaveLength(1);
  return { first, second, store };
}

test('an answer that comes after the stream of appends to the old leader broke ends no process, and its append lands once', async () => {
  const failures: string[] = [];
  const { first, second, store } = await atTwoNodes('esdb', { observer: { onAppendFailure: ({ code }) => failures.push(code) } });
  const count = second.events().length;
  second.delay(1_500);
  const append = outcomeOf(store.append(aStream(), 'absent', someEvents(1)));
  await expect.poll(() => second.events().length).toBe(count + 1);
  first.breakBatches();
  expect(await append).toMatchObject({ ok: true, revision: 0 });
  expect(failures).toStrictEqual(['unavailable']);
  expect(second.events()).toHaveLength(count + 1);
  expect(ended).toStrictEqual([]);
});

test('a call that breaks while a leader is looked for in vain ends no process', async () => {
  const { first, second, store } = await atTwoNodes('esdb+discover', { append: { deadlineMs: 3_500 } });
  // So slow that it says of the break, and not who leads, before it goes as well.
  first.delay(800);
  first.breakBatches();
  await second.stop();
  const append = refusal(store.append(aStream(), 'absent', someEvents(1)));
  await pause(1_000);
  await first.stop();
  expect(await append).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
  expect(ended).toStrictEqual([]);
});

test.each([
  ['failed', status.INTERNAL, 'grpc_13'],
  ['let the deadline pass', 'silent', 'grpc_14'],
] as const)('a server that once %s to say what it can do is asked again', { timeout: 30_000 }, async (_how, how, told) => {
  const node = await aNode();
  const failures: string[] = [];
  const store = await openEventStoreDb({
    url: node.url,
    append: { attemptMs: 8_000 },
    observer: { onAppendFailure: ({ code }) => failures.push(code) },
  });
  undo.push(() => store.close());
  node.failFeatures(how);
  expect(await outcomeOf(store.append(aStream(), 'absent', someEvents(1)))).toMatchObject({ ok: true, revision: 0 });
  expect(failures.at(-1)).toBe(told);
});

test('a cluster that was looked for in vain is looked for again', async () => {
  const node = await aNode();
  const failures: string[] = [];
  const store = await openEventStoreDb({
    url: `${node.url.replace('esdb:', 'esdb+discover:')}&maxDiscoverAttempts=1`,
    observer: { onAppendFailure: ({ code }) => failures.push(code) },
  });
  undo.push(() => store.close());
  await store.append(aStream(), 'absent', someEvents(1));
  await node.stop();
  const append = outcomeOf(store.append(aStream(), 'absent', someEvents(1)));
  await expect.poll(() => failures.length, { timeout: 10_000 }).toBeGreaterThan(3);
  await node.start();
  expect(await append).toMatchObject({ ok: true, revision: 0 });
});
