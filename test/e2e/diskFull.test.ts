import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { clientOf, eventually, type Client } from '../support/client.ts';
import { describeWith, type Need } from '../support/needs.ts';
import { startProgram, type Program } from '../support/program.ts';
import { message } from '../support/service.ts';

/** A small file system of its own, in memory; undefined: this process may not mount one. */
function mounted(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=320m,mode=0711', 'tidings-test', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}
const disk = process.platform === 'linux' ? mounted() : undefined;
const DISK: Need = { what: 'a small disk', found: disk !== undefined, how: 'run as root on Linux, where a tmpfs may be mounted' };

/** Takes all that is left of the disk but so many bytes. */
function fill(file: string, left: number): void {
  const fd = openSync(file, 'w');
  const block = Buffer.alloc(64 * 1024, 1);
  let size = 0;
  try {
    for (;;) size += writeSync(fd, block);
  } catch {
    // Full.
  } finally {
    closeSync(fd);
  }
  truncateSync(file, Math.max(0, size - left));
}

describeWith(DISK, 'a database whose disk is full', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'tidings-full-data-'));
  const filler = join(disk ?? '', 'filler');
  let cluster: Cluster;
  let program: Program;
  let client: Client;
  beforeAll(async () => {
    chmodSync(disk ?? '', 0o711);
    cluster = await startCluster(disk ?? '', { durable: true });
    program = await startProgram({
      dataDir,
      env: { DATABASE_URL: cluster.url('app'), DATABASE_MIGRATION_URL: cluster.url('owner') },
    });
    client = clientOf(
      () => program.url,
      () => program.key,
    );
  });
  afterAll(async () => {
    await program.stop();
    await cluster.stop().catch(() => undefined);
    execFileSync('umount', ['--lazy', disk ?? '']);
    for (const folder of [disk ?? '', dataDir]) rmSync(folder, { recursive: true, force: true });
  });

  const post = (at: number, name: string) =>
    client.post(
      '/v1/notifications',
      message([{ email: `${name}-${String(at)}@example.com` }], { content: { subject: 'Full', text: 'x'.repeat(50_000) } }),
      {
        'Idempotency-Key': `${name}-${String(at)}`,
      },
    );
  const isReady = async (): Promise<true | undefined> => ((await client.get('/health/ready')).status === 200 ? true : undefined);

  test('takes nothing that it cannot keep, and goes on by itself when there is room again', { timeout: 400_000 }, async () => {
    const accepted: string[] = [];
    fill(filler, 4 * 1024 * 1024);
    const refused = await eventually(
      'it was full',
      async () => {
        const answer = await post(accepted.length, 'full');
        if (answer.status !== 202) return answer;
        accepted.push(answer.body.id as string);
        return undefined;
      },
      { deadlineMs: 120_000 },
    );
    expect([refused.status, refused.body.code]).toStrictEqual([503, expect.stringMatching(/^(unavailable|overloaded)$/)]);
    expect(program.isRunning()).toBe(true);
    rmSync(filler);
    // Postgres ends itself where it could not write its log; whoever runs it starts it again.
    await cluster.query('select 1').catch(() => cluster.start());
    await eventually('it is ready', isReady, { deadlineMs: 90_000 });
    // What was refused is taken now, under the same key and once.
    const again = await eventually(
      'it is taken',
      async () => {
        const answer = await post(accepted.length, 'full');
        return answer.status === 202 ? (answer.body.id as string) : undefined;
      },
      { deadlineMs: 120_000 },
    );
    for (const id of [...accepted, again])
      await eventually(
        'it was captured',
        async () => {
          const { body } = await client.get(`/v1/notifications/${id}/deliveries`);
          return body.data?.every(({ status }: any) => status === 'captured') ? true : undefined;
        },
        { deadlineMs: 90_000 },
      );
    expect(new Set(accepted).size).toBe(accepted.length);
  });
});
