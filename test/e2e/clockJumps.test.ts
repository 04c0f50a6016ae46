import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeWith, type Need } from '../support/needs.ts';
import { message, serviceForSuite } from '../support/service.ts';

/** Debian keeps it in a folder for the machine's architecture. */
const LIBRARY = ['/usr/lib', ...(existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => join('/usr/lib', name)) : [])]
  .map((folder) => join(folder, 'faketime/libfaketime.so.1'))
  .find((path) => existsSync(path));
const FAKETIME: Need = { what: 'libfaketime', found: LIBRARY !== undefined, how: 'apt-get install faketime' };

describeWith(FAKETIME, 'a machine whose clock is set while the service runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-clock-'));
  const setting = join(folder, 'faketime');
  /** As an operator sets it: what the process is told as the time of day from now on; the monotonic clock goes on. */
  const setClock = (by: string): void => {
    writeFileSync(setting, `${by}\n`);
  };
  setClock('+0');
  const tidings = serviceForSuite({
    env: { LD_PRELOAD: LIBRARY ?? '', FAKETIME_TIMESTAMP_FILE: setting, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' },
    after: async () => rmSync(folder, { recursive: true }),
  });
  const hours = (n: number): string => new Date(Date.now() + n * 3_600_000).toISOString();
  const statusOf = async (id: string): Promise<string> => (await tidings.get(`/v1/notifications/${id}`)).body.status;

  test.each(['+90m', '-90m'])('by %s sends nothing early, late or twice', async (by) => {
    const later = await tidings.send(message([{ email: 'later@example.com' }], { schedule: { at: hours(1) } }));
    setClock(by);
    // The process does see the other time: it is what its answers are dated with by Node itself.
    await expect
      .poll(async () => {
        const date = (await tidings.get('/health/live')).headers.get('date') ?? '';
        return Math.round((Date.parse(date) - Date.now()) / 60_000);
      })
      .toBe(Number.parseInt(by, 10));
    const now = await tidings.send(message([{ email: 'now@example.com' }]));
    expect((await tidings.settled(now.id)).map(({ status }) => status)).toStrictEqual(['captured']);
    const { body } = await tidings.get(`/v1/notifications/${now.id}`);
    expect(Math.abs(Date.parse(body.createdAt) - Date.now())).toBeLessThan(60_000);
    // Long enough for a drainer that believed in it to have sent.
    await pause(2_000);
    expect(await statusOf(later.id)).toBe('scheduled');
    setClock('+0');
    const soon = await tidings.send(
      message([{ email: 'soon@example.com' }], { schedule: { at: new Date(Date.now() + 3_000).toISOString() } }),
    );
    expect((await tidings.settled(soon.id)).map(({ status }) => status)).toStrictEqual(['captured']);
    for (const { id } of [now, soon]) expect(await tidings.captured(id)).toHaveLength(1);
    expect(await tidings.captured(later.id)).toStrictEqual([]);
  });
});
