import { defineConfig } from 'vitest/config';

// The process itself runs in UTC; so do the tests, whatever the machine thinks.
process.env['TZ'] = 'UTC';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/globalSetup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Limits are for what never comes: two files at a time on a machine that is busy besides take their time.
    testTimeout: 90_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 15_000 } },
    passWithNoTests: false,
  },
});
