import type { Chaos } from './chaosRun.ts';
import { KINDS, type Kind } from './feeder.ts';
import { openGround, REAL_LEASE_MS } from './ground.ts';
import { killAtPoints } from './killAtPoints.ts';
import { killAtRandom } from './killAtRandom.ts';

/** `kills`: at random over so many notifications; `points`: named points at which it is killed once each, so many of all there are. */
type Size = {
  readonly kills: number;
  readonly notifications: number;
  readonly points: number;
  /** Kills of the program itself, at random, and what is sent meanwhile: after each its own leases have to end, which are long. */
  readonly realKills: number;
  readonly realNotifications: number;
  /** Milliseconds that a recovery may take beyond the lease; among other tests the machine is busy. */
  readonly beyondMs: number;
};

/** What the program itself can send: the provider that takes keys is the tests' own. */
const BY_MAIL: readonly Kind[] = ['retry', 'hold'];

export const crash: Chaos<Size> = {
  long: { kills: 200, notifications: 10_000, points: 1_000, realKills: 20, realNotifications: 2_000, beyondMs: 5_000 },
  short: { kills: 1, notifications: 90, points: 2, realKills: 0, realNotifications: 0, beyondMs: 60_000 },
  run: async ({ kills, notifications, points, realKills, realNotifications, beyondMs }, run) => {
    const ground = await openGround();
    try {
      const wired = { as: 'short-leases', kinds: KINDS, leaseMs: ground.leaseMs } as const;
      await killAtRandom(ground, { ...wired, kills, notifications, beyondMs }, run);
      await killAtPoints(ground, { most: points, beyondMs }, run);
      const itself = { as: 'real', kinds: BY_MAIL, leaseMs: REAL_LEASE_MS } as const;
      if (realKills > 0) await killAtRandom(ground, { ...itself, kills: realKills, notifications: realNotifications, beyondMs }, run);
    } finally {
      await ground.close();
    }
  },
};
