import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Limiter, Standing, Window } from '../../src/http/rateLimits.ts';

/** What every limiter does, by whatever clock it goes. The windows are so long that nothing comes back during a test, where it need not. */
export function limiterContract(name: string, limiterOf: () => Limiter, elapse: (ms: number) => Promise<void> | void): void {
  describe(`the limiter ${name}`, () => {
    const window = (more: Partial<Window> = {}): Window => ({ key: randomUUID(), quota: 3, seconds: 3_000_000, ...more });
    const take = async (...windows: readonly Window[]): Promise<readonly Standing[]> => {
      const standings = await limiterOf().take(windows);
      if (standings === undefined) throw new Error('nobody counted');
      return standings;
    };
    const short = ({ exceeded, left }: Standing): readonly [boolean, number] => [exceeded, left];

    test('lets the quota pass and no more', async () => {
      const one = window();
      const seen: unknown[] = [];
      for (let call = 0; call < 5; call += 1) seen.push((await take(one)).map(short));
      expect(seen).toStrictEqual([[[false, 2]], [[false, 1]], [[false, 0]], [[true, 0]], [[true, 0]]]);
    });

    test('lets the quota pass and no more when all come at once', async () => {
      const one = window({ quota: 10 });
      const all = await Promise.all(Array.from({ length: 30 }, () => take(one)));
      expect(all.filter(([it]) => it?.exceeded === false).length).toBe(10);
    });

    test('counts each key for itself', async () => {
      const [one, other] = [window({ quota: 1 }), window({ quota: 1 })];
      expect([...(await take(one)), ...(await take(other)), ...(await take(one))].map(({ exceeded }) => exceeded)).toStrictEqual([
        false,
        false,
        true,
      ]);
    });

    test('takes from all windows or from none: whoever is refused by one loses nothing of the other', async () => {
      const [narrow, wide] = [window({ quota: 1 }), window({ quota: 5 })];
      expect((await take(narrow, wide)).map(short)).toStrictEqual([
        [false, 0],
        [false, 4],
      ]);
      for (const order of [0, 1]) {
        const both = order === 0 ? [narrow, wide] : [wide, narrow];
        const standings = await take(...both);
        expect((order === 0 ? standings : standings.toReversed()).map(short)).toStrictEqual([
          [true, 0],
          [false, 4],
        ]);
      }
      expect((await take(wide)).map(short)).toStrictEqual([[false, 3]]);
    });

    test('tells when all is there again, and when none is left, when one is', async () => {
      const one = window({ quota: 2, seconds: 2_000_000 });
      const waits = [];
      for (let call = 0; call < 3; call += 1) waits.push((await take(one))[0]?.waitMs ?? 0);
      // Time goes on between the calls; a second of it is a millionth of the window.
      expect(waits.map((ms) => Math.round(ms / 1e7))).toStrictEqual([100, 100, 100]);
    });

    test('what was taken comes back, and never more than the quota', async () => {
      const one = window({ seconds: 0.03 });
      for (let call = 0; call < 3; call += 1) await take(one);
      await elapse(100);
      expect((await take(one)).map(({ exceeded, left, waitMs }) => [exceeded, left, waitMs])).toStrictEqual([[false, 2, 10]]);
    });
  });
}
