import { expect, test } from 'vitest';
import { byteBudget, type ByteBudget } from '../../../src/adapters/providers/byteBudget.ts';

/** Those who have got theirs, in order, once everything that could happen has happened. */
async function served(budget: ByteBudget, wanted: readonly number[]) {
  const order: number[] = [];
  const releases = new Map<number, () => void>();
  for (const [at, bytes] of wanted.entries()) {
    void budget.take(bytes).then((release) => {
      order.push(at);
      releases.set(at, release);
    });
  }
  const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  await settle();
  return {
    order,
    release: async (at: number): Promise<void> => {
      releases.get(at)?.();
      await settle();
    },
  };
}

test('takes in what fits, first come, first served', async () => {
  const { order, release } = await served(byteBudget(10), [4, 4, 4, 1]);
  expect(order).toStrictEqual([0, 1]);
  await release(0);
  expect(order).toStrictEqual([0, 1, 2, 3]);
});

test('what is larger than all of it goes alone', async () => {
  const { order, release } = await served(byteBudget(10), [1, 1_000, 1]);
  expect(order).toStrictEqual([0]);
  await release(0);
  expect(order).toStrictEqual([0, 1]);
  await release(1);
  expect(order).toStrictEqual([0, 1, 2]);
});

test('what is given back twice counts once', async () => {
  const { order, release } = await served(byteBudget(10), [5, 5, 5, 5]);
  await release(0);
  await release(0);
  expect(order).toStrictEqual([0, 1, 2]);
});
