import { randomBytes } from 'node:crypto';
import { generatedSecret } from '../../../src/adapters/secrets/generatedSecret.ts';

/** The first process of a container, as every other is the first of its own. */
Object.defineProperty(process, 'pid', { value: 1 });
const [dataDir = '', names = '', at = ''] = process.argv.slice(2);
while (Date.now() < Number(at));
const values = Array.from(
  { length: Number(names) },
  (_, nth) => generatedSecret(dataDir, `secret-${String(nth)}`, () => randomBytes(32).toString('hex')).value,
);
process.stdout.write(JSON.stringify(values));
