import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const PEERS = new URL('peers/', import.meta.url);
const load = createRequire(new URL('package.json', PEERS));

/** A package that we compare ourselves with. It is not in the product's lock file, so what is used of it is typed by who uses it. */
export const peer = (name: string): unknown => load(name);

/** As it is installed: `bullmq 6.7.0`. */
export function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, PEERS), 'utf8')) as { readonly version: string };
  return `${name} ${version}`;
}
