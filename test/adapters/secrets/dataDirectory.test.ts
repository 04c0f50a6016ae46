import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { writeServiceFile } from '../../../src/adapters/secrets/serviceFile.ts';

const PROGRAM = fileURLToPath(new URL('makeSecrets.ts', import.meta.url));
/** One secret would hardly ever be made by both at once. */
const SECRETS = 500;
/** Milliseconds in which both have started, also on a busy machine. */
const START_MS = 5_000;

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'tidings-secrets-'));
  onTestFinished(() => {
    rmSync(made, { recursive: true });
  });
  return made;
}

test(
  'two containers that make the secrets of one directory at once have the same ones, and leave nothing else',
  { timeout: 60_000 },
  async () => {
    const shared = directory();
    const args = ['--import', 'tsx', PROGRAM, shared, String(SECRETS), String(Date.now() + START_MS)];
    const made = await Promise.all([1, 2].map(() => promisify(execFile)(process.execPath, args, { maxBuffer: 1e7 })));
    const [one, other] = made.map(({ stdout }) => JSON.parse(stdout) as readonly string[]);
    const kept = Array.from({ length: SECRETS }, (_, nth) => readFileSync(join(shared, `secret-${String(nth)}`), 'utf8').trim());
    expect([one, other]).toStrictEqual([kept, kept]);
    expect(new Set(kept).size).toBe(SECRETS);
    expect(kept.filter((value) => !/^[0-9a-f]{64}$/.test(value))).toStrictEqual([]);
    expect(readdirSync(shared)).toHaveLength(SECRETS);
  },
);

test('who ends takes back where it answered, and not where another one does that shares its directory', () => {
  const shared = directory();
  const file = join(shared, 'service.json');
  const running = { url: 'http://127.0.0.1:3000', pid: 1 };
  const [endOne, endOther] = [writeServiceFile(shared, running), writeServiceFile(shared, running)];
  endOne();
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject(running);
  endOther();
  expect([existsSync(file), readdirSync(shared)]).toStrictEqual([false, []]);
});
