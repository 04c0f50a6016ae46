import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { crash } from './crash.ts';

test(
  'killed at random and at named points, the service loses nothing and doubles no more than was in flight',
  { timeout: 900_000 },
  async () => {
    expect(await brokenIn(crash)).toStrictEqual([]);
  },
);
