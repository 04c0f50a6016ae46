import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codecOf, type Codec } from '../../src/adapters/codec/codec.ts';
import { isUnreadable } from '../../src/adapters/codec/decode.ts';
import type { StoredTypes } from '../../src/adapters/codec/registry.ts';
import { canonicalJson } from '../../src/domain/kernel/canonicalJson.ts';
import type { StoredAs } from '../../src/domain/kernel/storage.ts';
import type { Position, StreamName } from '../../src/domain/values/ids.ts';

/**
 * Stored samples: `test/samples/<noun>/<Type>.v<N>.json`, one file for each version of each type that was ever stored, each with what
 * stands in the log and what the newest code reads from it. A file is written once and then only its `read` may change, with the next
 * version: that is how a change of a schema that old events no longer pass is noticed. `TIDINGS_SAMPLES=write npx vitest run
 * test/domain/storedSamples.test.ts` writes what is missing for the newest versions, and `read` where it is missing.
 * (Only a type that no release has stored yet may change in place: delete its file, and its line in `schemas.json`, and write them again.)
 */
export type Sample = { readonly stored: unknown; readonly read?: unknown };
export type SampleFile = { readonly noun: string; readonly type: string; readonly version: number; readonly path: string };

const here = dirname(fileURLToPath(import.meta.url));
const SAMPLES = join(here, '../samples');
const DOMAIN = join(here, '../../src/domain');
export const writing = process.env['TIDINGS_SAMPLES'] === 'write';

/** Every `src/domain/<noun>/storage.ts`: an aggregate cannot be forgotten. */
export async function allStorages(): Promise<ReadonlyMap<string, StoredTypes>> {
  const storages = new Map<string, StoredTypes>();
  for (const noun of readdirSync(DOMAIN)) {
    const file = join(DOMAIN, noun, 'storage.ts');
    if (noun === 'kernel' || !existsSync(file)) continue;
    const found = ((await import(file)) as Record<string, StoredTypes>)[`${noun}Storage`];
    if (found === undefined) throw new Error(`${noun}/storage.ts exports no ${noun}Storage`);
    storages.set(noun, found);
  }
  return storages;
}

/** The files that there have to be. */
export const sampleFiles = (noun: string, storage: StoredTypes): readonly SampleFile[] =>
  Object.entries(storage).flatMap(([type, { version: newest }]) =>
    [...Array(newest).keys()].map((n) => ({ noun, type, version: n + 1, path: join(SAMPLES, noun, `${type}.v${n + 1}.json`) })),
  );

/** Files of types or versions that nothing declares any more: what is stored stays readable, so no declaration ever goes. */
export function strayFiles(noun: string, storage: StoredTypes): readonly string[] {
  const expected = new Set(sampleFiles(noun, storage).map(({ path }) => path));
  const folder = join(SAMPLES, noun);
  return existsSync(folder) ? readdirSync(folder).filter((name) => !expected.has(join(folder, name))) : [];
}

/** What the newest code reads from stored data, or the code of the fault. */
export function readStored(storage: StoredTypes, { noun, type, version }: SampleFile, data: unknown): unknown {
  const codec: Codec = codecOf(storage, { trySeal: () => Promise.reject(new Error('samples are sealed already')) });
  const text = canonicalJson(data);
  const digest = createHash('sha256').update(text).digest('base64url');
  const occurredAt = '2026-07-30T10:00:00.000Z';
  const ids = { commandId: 'command', correlationId: 'correlation', causationId: 'cause' };
  const metadata = JSON.stringify({
    tenantId: 'acme',
    ...ids,
    actor: { kind: 'system', id: 'sample' },
    occurredAt,
    schemaVersion: version,
    digest,
  });
  const place = { stream: `${noun}-acme_sample` as StreamName, revision: 0, position: '0' as Position };
  const read = codec.decode({ id: '00000000-0000-8000-8000-000000000000', type, data: text, metadata, ...place });
  return isUnreadable(read) ? read.unreadable.code : JSON.parse(JSON.stringify(read.event.data));
}

export const readSamples = (path: string): readonly Sample[] | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as readonly Sample[]) : undefined;

/** In writing mode: makes the file of a newest version, or fills in what the newest code reads from an older one. */
export function writeMissing(storage: StoredTypes, file: SampleFile): void {
  const stored = storage[file.type];
  if (stored === undefined) return;
  const there = readSamples(file.path);
  if (there === undefined && file.version !== stored.version) return;
  const samples = there ?? samplesOf(stored);
  const full = samples.map((sample) => ({ stored: sample.stored, read: sample.read ?? readStored(storage, file, sample.stored) }));
  mkdirSync(dirname(file.path), { recursive: true });
  writeFileSync(file.path, `${JSON.stringify(full, null, 1)}\n`);
}

const SCHEMAS = join(SAMPLES, 'schemas.json');
type Digests = Readonly<Record<string, string>>;
const keptDigests = (): Digests => (existsSync(SCHEMAS) ? (JSON.parse(readFileSync(SCHEMAS, 'utf8')) as Digests) : {});

/** Of each version that is written today, the digest of its schema: as declared, and as it was when a sample was first written. */
export function schemaDigests(all: ReadonlyMap<string, StoredTypes>): { readonly declared: Digests; readonly kept: Digests } {
  const declared = Object.fromEntries(
    [...all].flatMap(([noun, storage]) =>
      Object.entries(storage).map(([type, { version, schema }]) => {
        const text = canonicalJson(JSON.parse(JSON.stringify(schema)));
        return [`${noun}/${type}.v${String(version)}`, createHash('sha256').update(text).digest('base64url').slice(0, 16)];
      }),
    ),
  ) as Digests;
  if (writing) writeFileSync(SCHEMAS, `${JSON.stringify({ ...declared, ...keptDigests() }, null, 1)}\n`);
  const kept = keptDigests();
  return { declared, kept: Object.fromEntries(Object.keys(declared).map((name) => [name, kept[name] ?? 'missing'])) };
}

type Schema = {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly minLength?: number;
};

/** Samples by a schema: one with the least in it, and as many with everything as its widest choice has branches. */
function samplesOf({ schema }: StoredAs): readonly Sample[] {
  const full = [...Array(widest(schema as Schema)).keys()].map((choice) => instanceOf(schema as Schema, { choice, full: true }, ''));
  const all = [instanceOf(schema, { choice: 0, full: false }, ''), ...full];
  const texts = new Set<string>();
  return all.filter((it) => texts.size < texts.add(canonicalJson(it)).size).map((stored) => ({ stored }));
}

const childrenOf = ({ anyOf = [], properties = {}, patternProperties = {}, items }: Schema): readonly Schema[] => [
  ...anyOf,
  ...Object.values(properties),
  ...Object.values(patternProperties),
  ...(items === undefined ? [] : [items]),
];
const widest = (schema: Schema): number =>
  Math.max(1, schema.enum?.length ?? 0, schema.anyOf?.length ?? 0, ...childrenOf(schema).map(widest));

type Wish = { readonly choice: number; readonly full: boolean };

function instanceOf(schema: Schema, wish: Wish, name: string): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[wish.choice % schema.enum.length];
  const branch = schema.anyOf?.[wish.choice % schema.anyOf.length];
  if (branch !== undefined) return instanceOf(branch, wish, name);
  return ofType(schema, wish, name);
}

function ofType(schema: Schema, wish: Wish, name: string): unknown {
  switch (schema.type) {
    case 'object':
      return objectOf(schema, wish);
    case 'array':
      return wish.full || (schema.minItems ?? 0) > 0 ? [instanceOf(schema.items ?? {}, wish, name)] : [];
    case 'string':
      return schema.minLength === 24 ? '2026-07-30T10:00:00.000Z' : /subject/i.test(name) ? 'S'.repeat(22) : 'text';
    case 'integer':
    case 'number':
      return schema.minimum ?? 0;
    case 'boolean':
      return true;
    case 'null':
      return null;
    case undefined:
      return { any: ['JSON', 1, null] };
    default:
      throw new Error(`no sample for a ${schema.type}`);
  }
}

function objectOf({ properties = {}, patternProperties, required = [] }: Schema, wish: Wish): unknown {
  const members = Object.entries(properties)
    .filter(([name]) => wish.full || required.includes(name))
    .map(([name, member]) => [name, instanceOf(member, wish, name)]);
  const [of] = Object.values(patternProperties ?? {});
  return Object.fromEntries([...members, ...(of !== undefined && wish.full ? [['name', instanceOf(of, wish, 'name')]] : [])]);
}
