import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SHORT_LEASE_MS, SHORT_SMTP_MS } from '../chaos/ground.ts';
import { addressOf, runBigBatch, type BigBatchResult } from '../support/bigBatch.ts';
import { describeWith } from '../support/needs.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres.ts';
import { smtpLedger, type SmtpLedger } from '../support/smtpLedger.ts';
import { smtpSink, smtpSinkPath } from '../support/smtpSink.ts';

const RECIPIENTS = 2000;
const [CONNECTIONS, PIPELINE] = [4, 16];

let database: FreshDatabase;
let dataDir: string;
beforeEach(async () => {
  database = await freshDatabase();
  dataDir = mkdtempSync(join(tmpdir(), 'tidings-e2e-'));
});
afterEach(async () => {
  await database.close();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The service with leases of 8 s instead of 30 s: what a crash left open is looked after when the claim is over. */
const SHORT_LEASES = fileURLToPath(new URL('../chaos/serviceUnderTest.ts', import.meta.url));

const run = (
  sink: { readonly port: number; readonly count: () => number },
  more: { readonly killAt?: number; readonly entry?: string } = {},
): Promise<BigBatchResult> =>
  runBigBatch({
    recipients: RECIPIENTS,
    dataDir,
    env: {
      DATABASE_URL: database.url,
      DATABASE_MIGRATION_URL: database.ownerUrl,
      EMAIL_PROVIDERS: 'smtp',
      EMAIL_FROM: 'News <news@example.com>',
      SMTP_URL: `smtp://127.0.0.1:${String(sink.port)}?connections=${String(CONNECTIONS)}&pipeline=${String(PIPELINE)}&deadline=${String(SHORT_SMTP_MS)}`,
      CHAOS_LEASE_MS: String(SHORT_LEASE_MS),
    },
    arrived: sink.count,
    deadlineMs: 300_000,
    ...more,
  });

describe('a large batch by SMTP', () => {
  let ledger: SmtpLedger;
  beforeAll(async () => {
    ledger = await smtpLedger();
  });
  afterAll(() => ledger.close());

  test('reaches everybody, each once', { timeout: 400_000 }, async () => {
    const { batch, bad } = await run(ledger);
    expect(batch).toMatchObject({ status: 'closed', accepted: RECIPIENTS, rejected: 0, outcomes: { sent: RECIPIENTS } });
    expect([...ledger.taken.keys()].sort()).toStrictEqual(Array.from({ length: RECIPIENTS }, (_, at) => addressOf(at)).sort());
    expect(ledger.count()).toBe(RECIPIENTS);
    expect(bad).toStrictEqual([]);
  });
});

describe('a large batch by SMTP, killed in the middle', () => {
  let ledger: SmtpLedger;
  beforeAll(async () => {
    ledger = await smtpLedger();
  });
  afterAll(() => ledger.close());

  test('reaches everybody after a restart; doubled is at most what was in flight', { timeout: 400_000 }, async () => {
    const { batch, bad } = await run(ledger, { killAt: RECIPIENTS / 2, entry: SHORT_LEASES });
    expect(batch).toMatchObject({ status: 'closed', accepted: RECIPIENTS, rejected: 0, outcomes: { sent: RECIPIENTS } });
    expect(ledger.taken.size).toBe(RECIPIENTS);
    expect(Math.max(...ledger.taken.values())).toBeLessThanOrEqual(2);
    expect(ledger.count() - RECIPIENTS).toBeLessThanOrEqual(CONNECTIONS * PIPELINE);
    expect(bad).toStrictEqual([]);
  });
});

const sinkPath = smtpSinkPath();
describeWith({ what: 'smtp-sink', found: sinkPath !== undefined, how: 'apt-get install postfix' }, 'a large batch to smtp-sink', () => {
  test('is taken by a server that is not ours', { timeout: 400_000 }, async () => {
    const sink = await smtpSink(sinkPath ?? '');
    try {
      const { batch, bad } = await run(sink);
      expect(batch.outcomes).toStrictEqual({ sent: RECIPIENTS });
      expect(sink.count()).toBe(RECIPIENTS);
      expect(bad).toStrictEqual([]);
    } finally {
      await sink.close();
    }
  });
});
