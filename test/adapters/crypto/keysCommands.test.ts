import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keysCommands, type KeysAccess } from '../../../src/adapters/crypto/keysCommands.ts';
import { newMasterKey, parseMasterKeys, type MasterKeys } from '../../../src/adapters/crypto/masterKeys.ts';
import type { TenantId } from '../../../src/domain/values/ids.ts';
import { instantOf } from '../../../src/domain/values/instant.ts';
import { keysOf, known } from '../../support/keys.ts';
import { freshDatabase, type FreshDatabase } from '../../support/postgres.ts';

const acme = 'acme' as TenantId;
const [old, fresh] = [newMasterKey('old'), newMasterKey('new')];
const clock = { now: () => instantOf(0), epochMs: () => 0 };
let folder = '';
let [db, empty]: FreshDatabase[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidings-keys-'));
  db = await freshDatabase(['keys']);
  empty = await freshDatabase(['keys']);
});
afterAll(async () => {
  await Promise.all([db?.close(), empty?.close()]);
  rmSync(folder, { recursive: true });
});

/** Runs `tidings keys …` against a database and gives what it printed. */
async function run(target: FreshDatabase | undefined, masters: MasterKeys, ...args: readonly string[]): Promise<readonly string[]> {
  if (target === undefined) throw new Error('no database');
  const lines: string[] = [];
  const access: KeysAccess = { pool: target.workerPool, masters, clock };
  await keysCommands(
    (work) => work(access),
    (line) => lines.push(line),
  ).parseAsync(args, { from: 'user' });
  return lines;
}

test('rotate, backup and restore as an operator runs them', async () => {
  if (db === undefined) throw new Error('no database');
  const people = await known(keysOf(db, parseMasterKeys(old)), acme, 'a', 'b');
  expect(await run(db, parseMasterKeys(`${fresh},${old}`), 'rotate')).toStrictEqual([
    'rewrapped 3 keys with master key new',
    'older master keys can go once no process and no backup needs them',
  ]);
  const file = join(folder, 'keys.ndjson');
  const summary = '2 keys of people, 0 of periods, 1 of indexes, 2 aliases; wrapped by new';
  expect(await run(db, parseMasterKeys(fresh), 'backup', file)).toStrictEqual([`saved ${summary}`]);
  expect(await run(empty, parseMasterKeys(fresh), 'restore', file)).toStrictEqual([`restored ${summary}`]);
  await expect(run(empty, parseMasterKeys(newMasterKey('other')), 'rotate')).rejects.toMatchObject({ code: 'keys_unreadable' });
  if (empty === undefined) throw new Error('no database');
  expect(await keysOf(empty, parseMasterKeys(fresh)).subjects.labels(acme, people)).toStrictEqual(['a', 'b']);
});
