import { describe, expect, test } from 'vitest';
import { gathered } from '../../src/commands/gathered.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';

type Fails = (items: readonly number[]) => Error | undefined;

/** Doubles numbers; each call stays under way until it is let go. */
function doubling({ most = 10, atOnce = 1, fails = () => undefined }: { most?: number; atOnce?: number; fails?: Fails } = {}) {
  const calls: (readonly number[])[] = [];
  const held: (() => void)[] = [];
  const double = gathered<number, number>(
    async (items) => {
      calls.push(items);
      await new Promise<void>((resolve) => held.push(resolve));
      const error = fails(items);
      if (error !== undefined) throw error;
      return items.map((it) => 2 * it);
    },
    { most, atOnce },
  );
  /** What became of each call, once all are let go. */
  const outcomes = async (...lists: readonly (readonly number[])[]) => {
    const settled = Promise.allSettled(lists.map((items) => double(items)));
    while (held.length > 0) {
      held.shift()?.();
      await new Promise(setImmediate);
    }
    return (await settled).map((it) => (it.status === 'fulfilled' ? it.value : String(it.reason)));
  };
  return { calls, outcomes };
}

describe('calls that are gathered', () => {
  test('begin at once, and go together while one is under way, each with its own results', async () => {
    const { calls, outcomes } = doubling();
    expect(await outcomes([1], [2], [3, 4], [])).toStrictEqual([[2], [4], [6, 8], []]);
    expect(calls).toStrictEqual([[1], [2, 3, 4]]);
  });

  test('are never more than so many items together; a large one goes alone', async () => {
    const { calls, outcomes } = doubling({ most: 3 });
    const results = await outcomes([0], [1, 2], [3], [4], [5, 6, 7, 8], [9]);
    expect(calls).toStrictEqual([[0], [1, 2, 3], [4], [5, 6, 7, 8], [9]]);
    expect(results.flat()).toStrictEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  });

  test('are under way so many at once', async () => {
    const { calls, outcomes } = doubling({ atOnce: 2 });
    await outcomes([1], [2], [3], [4]);
    expect(calls).toStrictEqual([[1], [2], [3, 4]]);
  });

  test('that fail together are tried alone: one caller’s bad input is nothing to the others', async () => {
    const { calls, outcomes } = doubling({ fails: (items) => (items.includes(13) ? new Error('unlucky') : undefined) });
    expect(await outcomes([1], [2], [13], [3])).toStrictEqual([[2], [4], 'Error: unlucky', [6]]);
    expect(calls).toStrictEqual([[1], [2, 13, 3], [2], [13], [3]]);
    expect(await outcomes([5])).toStrictEqual([[10]]);
  });

  test('are all told when a port is down', async () => {
    const { calls, outcomes } = doubling({ fails: () => new PortError('unavailable', 'database_down', 'it is away') });
    expect(await outcomes([1], [2], [3])).toStrictEqual(['PortError: it is away', 'PortError: it is away', 'PortError: it is away']);
    expect(calls).toStrictEqual([[1], [2, 3]]);
  });
});
