import { expect, test } from 'vitest';
import { brokenIn } from './chaosRun.ts';
import { templates } from './templates.ts';

test('hostile templates run nothing, end within their budget, and honest ones are rendered beside them', { timeout: 900_000 }, async () => {
  expect(await brokenIn(templates)).toStrictEqual([]);
});
