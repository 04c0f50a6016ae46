import { createDecipheriv } from 'node:crypto';
import { blobKey, labelKey } from '../../src/adapters/crypto/derive.ts';
import { placeOfPeriodKey, placeOfSubjectKey } from '../../src/adapters/crypto/keyRows.ts';
import { parseMasterKeys } from '../../src/adapters/crypto/masterKeys.ts';
import { decrypt } from '../../src/adapters/crypto/aesGcm.ts';
import type { DataClass } from '../../src/domain/kernel/personal.ts';

/** Somebody who has taken the files, can start a Postgres on them as its superuser, and was given every master key there still is. */
export type Loot = {
  /** Data directory with its write-ahead log and whatever deleted rows are left in them. */
  readonly files: readonly (readonly [name: string, bytes: Buffer])[];
  /** Every row of every table, as text. */
  readonly rows: string;
  readonly masters: string;
};
/** Whose ids the attacker has read in the names of streams. */
export type Known = { readonly tenant: string; readonly subjects: readonly string[]; readonly periods: readonly string[] };
export type Taken = { readonly subjectKeys: number; readonly periodKeys: number; readonly plaintexts: Buffer };

const CLASSES: readonly DataClass[] = ['identity', 'content', 'engagement', 'evidence'];
const WRAPPED = 60;
/** Postgres writes the length of a short value before it: (length + 1) × 2 + 1. */
const LENGTH_BYTE = (WRAPPED + 1) * 2 + 1;
/** Columns between the name of a key and the key: generation or period, and the master's id. */
const NEAR = 120;
const IV = 12;
const TAG = 16;

/** Values of 60 bytes that stand, or stood, in a row behind this text. */
function* wrappedNear(bytes: Buffer, text: string): Generator<Buffer> {
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1))
    for (let from = at + text.length; from < Math.min(at + text.length + NEAR, bytes.length - WRAPPED); from += 1)
      if (bytes[from] === LENGTH_BYTE) yield bytes.subarray(from + 1, from + 1 + WRAPPED);
}

/** What any of the masters opens in the place of this name, from live rows, dead ones and the write-ahead log. */
function unwrapped(
  loot: Loot,
  masters: readonly Buffer[],
  { near, place }: { readonly near: string; readonly place: string },
): readonly Buffer[] {
  const keys = new Map<string, Buffer>();
  const wrapped = loot.files.flatMap(([, bytes]) => [...wrappedNear(bytes, near)]);
  for (const key of masters.flatMap((master) => wrapped.flatMap((it) => decrypt(master, it, place) ?? [])))
    keys.set(key.toString('hex'), key);
  return [...keys.values()];
}

/** Counter mode without its tag: whoever only wants to read needs no additional data, and is content with half a truth. */
function read(key: Buffer, sealed: Buffer): Buffer {
  return createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV)).update(sealed.subarray(IV, sealed.length - TAG));
}

/** Everything that could be sealed: `<generation>.<base64url>` in any file or row, and binary values of rows. */
function sealedIn({ files, rows }: Loot): readonly Buffer[] {
  const found = new Set<string>();
  for (const text of [rows, ...files.map(([, bytes]) => bytes.toString('latin1'))])
    for (const [, base64 = ''] of text.matchAll(/(?<!\d)\d{1,3}\.([A-Za-z0-9_-]{40,})/g)) found.add(base64);
  const binary = [...rows.matchAll(/\\x((?:[0-9a-f]{2}){29,})/g)].map(([, hex = '']) => Buffer.from(hex, 'hex'));
  return [...[...found].map((text) => Buffer.from(text, 'base64url')), ...binary].filter(({ length }) => length > IV + TAG);
}

/** Reads all that can be read with the keys that can be found. */
export function attack(loot: Loot, { tenant, subjects, periods }: Known): Taken {
  const masters = [...parseMasterKeys(loot.masters).byId.values()];
  const generations = [1, 2];
  const ofSubjects = subjects.flatMap((subject) =>
    generations.flatMap((generation) => unwrapped(loot, masters, { near: subject, place: placeOfSubjectKey(tenant, subject, generation) })),
  );
  const ofPeriods = CLASSES.flatMap((dataClass) =>
    periods.flatMap((period) =>
      unwrapped(loot, masters, { near: dataClass, place: placeOfPeriodKey(tenant, dataClass, period) }).map((key) => ({ dataClass, key })),
    ),
  );
  const keys = [
    ...ofSubjects.map(labelKey),
    ...ofPeriods.flatMap(({ dataClass, key }) => [undefined, ...ofSubjects].map((subject) => blobKey(subject, key, dataClass))),
  ];
  const gap = Buffer.from('\n\n');
  const plaintexts = sealedIn(loot).flatMap((sealed) => keys.flatMap((key) => [read(key, sealed), gap]));
  return { subjectKeys: ofSubjects.length, periodKeys: ofPeriods.length, plaintexts: Buffer.concat(plaintexts) };
}
