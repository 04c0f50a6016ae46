import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { freshDatabase } from './postgres.ts';
import { smtpLedger } from './smtpLedger.ts';
import { checkCluster } from './cluster.ts';
import { checkSink, startSink } from './sink.ts';

describe('a run that meets a server which is not its own', () => {
  test('refuses a Postgres of another name before it writes', async () => {
    const database = await freshDatabase();
    const client = new pg.Client({ connectionString: database.ownerUrl });
    await client.connect();
    try {
      await expect(checkCluster(client, 'tidings_chaos_mine')).rejects.toThrow('not the one this run started');
    } finally {
      await client.end();
      await database.close();
    }
  });

  test('refuses a mail server of another name, to which nothing is said but goodbye', async () => {
    const [sink, decoy] = [await startSink(), await smtpLedger({ name: 'decoy' })];
    try {
      await expect(checkSink({ ...sink, smtpPort: decoy.port })).rejects.toThrow('not the one this run started');
      expect(decoy.count()).toBe(0);
    } finally {
      await sink.close();
      await decoy.close();
    }
  });

  test('refuses a provider of another name', async () => {
    const [sink, other] = [await startSink(), await startSink()];
    try {
      await expect(checkSink({ ...sink, keyedUrl: other.keyedUrl })).rejects.toThrow('not the one this run started');
      expect(other.asked()).toBe(0);
    } finally {
      await sink.close();
      await other.close();
    }
  });
});
