import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const IMPORT = /^(?:import|export)(?! type)[^;]*? from '([^']+)';/gm;

/** The packages that come with a module of ours, whatever it is then asked to do. */
function loadedWith(entry: string): ReadonlySet<string> {
  const modules = [entry];
  const packages = new Set<string>();
  for (const module of modules) {
    for (const [, name = ''] of readFileSync(module, 'utf8').matchAll(IMPORT)) {
      const own = join(dirname(module), name);
      if (!name.startsWith('.')) packages.add(name);
      else if (!modules.includes(own)) modules.push(own);
    }
  }
  return packages;
}

/** What loads slowly and only one role, or one setting, needs. */
const HEAVY = /^(?:knex|express|helmet|jose|ioredis|redoc|nodemailer|nunjucks|html-to-text|@eventstore\/db-client|commander)\b/;
const heavyOf = (entry: string): readonly string[] =>
  [...new Set([...loadedWith(entry)].flatMap((name) => HEAVY.exec(name)?.[0] ?? []))].sort();

test('a start loads what every role needs; the API’s, the workers’, EventStoreDB’s and the migrations’ come where they are wanted', () => {
  expect(heavyOf('src/main.ts')).toStrictEqual([]);
  expect(loadedWith('src/main.ts')).toContain('pg');
  // Else this test would not see them where they are.
  expect(heavyOf('src/compose/worker.ts')).toStrictEqual(['html-to-text', 'nodemailer', 'nunjucks']);
  expect(heavyOf('src/compose/http.ts')).toStrictEqual(['express', 'helmet', 'html-to-text', 'ioredis', 'jose', 'nunjucks']);
  expect(heavyOf('src/adapters/eventstore/eventstoredb/eventStoreDb.ts')).toStrictEqual(['@eventstore/db-client']);
});
