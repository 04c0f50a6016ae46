import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../../src/adapters/postgres/migrate.ts';
import { postgresUser } from '../../../src/adapters/postgres/osUser.ts';
import { initialise, startServer, stopPostmaster } from '../../../src/adapters/postgres/server.ts';
import type { Cluster, RunningServer } from '../../../src/adapters/postgres/server.ts';
import { aStream, anEvent, ids } from '../../contract/eventStore/samples.ts';
import { binariesFor } from '../../support/postgresServer.ts';
import { DEAF, openStore } from './postgresStore.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tidings-test-crash-'));
const PASSWORD = 'of a server that only this test knows';
const CALLERS = 16;
const KILLS = 3;
let cluster: Cluster;
let server: RunningServer;

beforeAll(async () => {
  chmodSync(scratch, 0o711);
  const runAs = postgresUser();
  cluster = { binaries: binariesFor(runAs, scratch), dataDir: join(scratch, 'data'), runAs };
  initialise(cluster, PASSWORD);
  server = await startServer(cluster, {}, join(scratch, 'postgres.log'));
});
afterAll(async () => {
  await stopPostmaster(cluster.dataDir);
  rmSync(scratch, { recursive: true, force: true });
});

/** Where its store looks for it. Its orphaned backends may still hold its memory for a moment. */
async function restart(port: number): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      server = await startServer(cluster, { port: String(port) }, join(scratch, 'postgres.log'));
      return;
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

test(
  'what was acknowledged is there after the server was killed in the midst of it, and nothing is there twice',
  { timeout: 120_000 },
  async () => {
    const { port } = server;
    const url = `postgres://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres?sslmode=disable`;
    await migrate(url, ['log'], 'postgres');
    let calls = 0;
    const failures: string[] = [];
    const observer = { onAppend: () => (calls += 1), onAppendFailure: ({ code }: { code: string }) => failures.push(code) };
    const { store, close } = await openStore(url, { listener: DEAF, observer, append: { deadlineMs: 60_000 } });

    let running = true;
    const callers = Array.from({ length: CALLERS }, async () => {
      const stream = aStream();
      const acknowledged: { readonly id: string; readonly revision: number; readonly position: string }[] = [];
      while (running) {
        const event = anEvent();
        const { revision, position } = await store.append(stream, acknowledged.length === 0 ? 'absent' : acknowledged.length - 1, [event]);
        acknowledged.push({ id: event.id, revision, position });
      }
      return { stream, acknowledged };
    });
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = calls;
      await expect.poll(() => calls, { timeout: 60_000, interval: 5 }).toBeGreaterThan(before + 20);
      process.kill(server.pid, 'SIGKILL');
      await restart(port);
    }
    const before = calls;
    await expect.poll(() => calls, { timeout: 60_000, interval: 5 }).toBeGreaterThan(before + 20);
    running = false;

    expect(failures.length).toBeGreaterThanOrEqual(KILLS);
    for (const { stream, acknowledged } of await Promise.all(callers)) {
      const read = await store.readStream(stream);
      expect(read.map(({ id, revision, position }) => ({ id, revision, position }))).toStrictEqual(acknowledged);
      expect(new Set(ids(read)).size).toBe(read.length);
    }
    await close();
  },
);
