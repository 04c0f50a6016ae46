import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { describeWith, type Need } from '../support/needs.ts';
import { message, serviceForSuite } from '../support/service.ts';

const TWO: Need = { what: 'two processors', found: availableParallelism() > 1, how: 'a machine that has them' };

describeWith(TWO, 'a process that has all roles', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-apart-'));
  const file = join(folder, 'hold-up');
  const tidings = serviceForSuite({
    nodeArgs: ['--import', fileURLToPath(new URL('../support/holdUp.mjs', import.meta.url))],
    env: { HOLD_UP: file },
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const isHeldUp = (): boolean => existsSync(`${file}.held`) && !existsSync(`${file}.freed`);
  /** Nothing runs in the main thread of the service meanwhile; it goes on by itself when the work lasts too long. */
  async function whileHeldUp<T>(work: () => Promise<T>): Promise<T> {
    process.kill(tidings.program().pid, 'SIGUSR2');
    await eventually('the main thread stands still', () => (isHeldUp() ? true : undefined));
    try {
      return await work();
    } finally {
      writeFileSync(file, '');
    }
  }

  test(
    'answers and accepts also while the thread that sends stands still, and says that it does not live',
    { timeout: 180_000 },
    async () => {
      const id = await whileHeldUp(async () => {
        const living = tidings.get('/health/live');
        const list = await tidings.get('/v1/notifications');
        expect([list.status, isHeldUp()]).toStrictEqual([200, true]);
        const sent = await tidings.send(message([{ email: 'apart@example.com' }]));
        const { status, body } = await living;
        expect([status, body.code, isHeldUp()]).toStrictEqual([503, 'unavailable', true]);
        return sent.id;
      });
      expect((await tidings.settled(id)).map(({ status }) => status)).toStrictEqual(['captured']);
      expect((await tidings.get('/health/live')).status).toBe(200);
    },
  );
});
