import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientOf, eventually, type Client } from '../support/client.ts';
import { LOG_IN_DATABASE, logAt } from '../support/eventStoreEnv.ts';
import { eventStoreServer, type TestEventStore } from '../support/eventStoreServer.ts';
import { runProgram, startProgram, type Program } from '../support/program.ts';
import { removeDataDirs } from '../support/removeDataDirs.ts';
import { message } from '../support/service.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tidings-e2e-'));
const SECRETS = {
  TIDINGS_ADMIN_KEY: `test_${randomBytes(24).toString('hex')}`,
  TIDINGS_MASTER_KEYS: `m1:${randomBytes(32).toString('base64')}`,
};
let server: TestEventStore;
let env: Readonly<Record<string, string>>;
let program: Program | undefined;

const start = async (): Promise<Client> => {
  program = await startProgram({ dataDir: join(scratch, 'data'), env });
  const { url, key } = program;
  return clientOf(
    () => url,
    () => key,
  );
};
const completed = (client: Client, id: string): Promise<any> =>
  eventually('it is completed', async () => {
    const { status, body } = await client.get(`/v1/notifications/${id}`);
    return status === 200 && body.status === 'completed' ? body : undefined;
  });

beforeAll(async () => {
  server = await eventStoreServer();
  env = { ...SECRETS, ...logAt(server.url) };
});
afterAll(async () => {
  await program?.kill();
  await server.close();
  removeDataDirs(scratch);
});

describe('the log in EventStoreDB, all else in the embedded database', () => {
  test('what is accepted is delivered, explained, and still there after a restart', { timeout: 400_000 }, async () => {
    const client = await start();
    const { status, body } = await client.post('/v1/notifications', message([{ email: 'ada@example.com' }]));
    expect(status).toBe(202);
    expect((await completed(client, body.id)).counts).toMatchObject({ captured: 1 });
    expect((await client.get('/health/ready')).status).toBe(200);
    expect(await program!.stop()).toBe(0);
    const again = await start();
    expect((await completed(again, body.id)).id).toBe(body.id);
    expect(program!.faults()).toStrictEqual([]);
  });

  test('another log in front of the same read models is refused, and the right one is taken again', { timeout: 400_000 }, async () => {
    expect(await program!.stop()).toBe(0);
    const other = await runProgram({ dataDir: join(scratch, 'data'), env: { ...SECRETS, ...LOG_IN_DATABASE } });
    expect(other.status).toBe(78);
    expect(other.stderr).toContain('were filled from another log');
    const client = await start();
    expect((await client.get('/health/ready')).status).toBe(200);
  });
});
