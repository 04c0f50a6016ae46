import { describe, expect, test } from 'vitest';
import { SHOWS, SMALL, WIDE } from './configurations.ts';
import { explore } from './explore.ts';
import { BREAKS, type Break } from './protocol.ts';
import { INVARIANTS } from './world.ts';

/**
 * The hand-off protocol (docs/architecture.md) as an explicit-state model: every interleaving of small configurations is visited. The
 * wider ones, and a counterexample to read, come with `npm run chaos -- model`.
 */
describe('the protocol', () => {
  const ends = new Set<string>();
  test.each(SMALL.map((cfg) => [cfg.name, cfg] as const))('holds in every interleaving: %s', (_, cfg) => {
    const { failed, states, ends: own } = explore(cfg);
    expect(failed && [INVARIANTS[failed.invariant], ...failed.path]).toBeUndefined();
    expect(states).toBeGreaterThan(100);
    for (const end of own) ends.add(end);
  });
  test('has come to every end that a delivery can have', () => {
    expect([...ends].sort()).toStrictEqual(['cancelled', 'dead', 'failed', 'sent', 'suppressed', 'unknown']);
  });
});

describe('a protocol with one thing wrong is found out', () => {
  test.each(Object.entries(BREAKS))('%s: %s', (name) => {
    const [configuration, invariant] = SHOWS[name as Break];
    const { failed } = explore(
      [...SMALL, ...WIDE].find((cfg) => cfg.name === configuration)!,
      name as Break,
    );
    expect(failed?.invariant).toBe(invariant);
    expect(failed?.path.length).toBeGreaterThan(1);
  });
});
