import { describe, test } from 'vitest';

/** Something of this machine that a suite cannot do without; `how`: how to get it. */
export type Need = { readonly what: string; readonly found: boolean; readonly how: string };

/** A suite that runs where its need is met, and elsewhere is skipped under a name that says what is missing (`npm test` repeats it loudly). */
export function describeWith(need: Need, name: string, suite: () => void): void {
  if (need.found) describe(name, suite);
  else describe.skip(`${name} [needs ${need.what}: ${need.how}]`, suite);
}

/** The same for a single test. */
export function testWith(need: Need, name: string, run: () => Promise<void> | void): void {
  if (need.found) test(name, run);
  else test.skip(`${name} [needs ${need.what}: ${need.how}]`, run);
}
