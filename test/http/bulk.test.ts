import { expect, test } from 'vitest';
import { collected, inOrder } from '../../src/http/bulk.ts';

type Gate = { readonly promise: Promise<void>; readonly open: () => void };
function gate(): Gate {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
const turn = () => new Promise(setImmediate);

test('results come in the order of their groups, whichever is done first', async () => {
  const gates = [gate(), gate(), gate()];
  async function* groups() {
    yield* [0, 1, 2];
  }
  const all = collected(
    inOrder(groups(), async (group) => {
      await gates[group]?.promise;
      return [group * 10, group * 10 + 1];
    }),
  );
  for (const it of [...gates].reverse()) {
    it.open();
    await turn();
  }
  expect(await all).toStrictEqual([0, 1, 10, 11, 20, 21]);
});

test('a result does not wait for the group after it', async () => {
  const second = gate();
  async function* groups() {
    yield 1;
    await second.promise;
    yield 2;
  }
  const results = inOrder(groups(), async (group) => [group]);
  expect((await results.next()).value).toBe(1);
  second.open();
  expect([(await results.next()).value, (await results.next()).done]).toStrictEqual([2, true]);
});

test('no more is read than is worked on', async () => {
  const first = gate();
  let read = 0;
  async function* groups() {
    for (read = 1; read <= 100; read += 1) yield read;
  }
  const results = inOrder(groups(), async (group) => {
    await first.promise;
    return [group];
  });
  const one = results.next();
  for (let turns = 0; turns < 50; turns += 1) await turn();
  expect(read).toBe(4);
  first.open();
  expect((await one).value).toBe(1);
  await results.return(undefined);
  expect(read).toBeLessThan(10);
});

test.each(['reading', 'working'])('a failure of %s ends it, after what came before', async (kind) => {
  async function* groups() {
    yield 1;
    if (kind === 'reading') throw new Error('the sender is gone');
    yield 2;
  }
  const results = inOrder(groups(), async (group) => {
    if (group === 2) throw new Error('the sender is gone');
    return [group];
  });
  expect((await results.next()).value).toBe(1);
  await expect(results.next()).rejects.toThrow('the sender is gone');
});
