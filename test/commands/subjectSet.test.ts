import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { subjectSet } from '../../src/commands/subjectSet.ts';
import type { SubjectId } from '../../src/domain/values/ids.ts';

const subjectOf = (bytes: Uint8Array): SubjectId => Buffer.from(bytes).toString('base64url') as SubjectId;

test('holds whom it was given and nobody else, however they fall on each other', () => {
  // Few different bits: places collide, run into each other, and wrap around the end.
  const bits = fc.constantFrom(0, 1, 2, 1022, 1023, 1024, 0xffffffff);
  const subjects = fc.array(fc.tuple(bits, bits), { maxLength: 60 }).map((pairs) =>
    pairs.map(([high, low]) => {
      const bytes = Buffer.alloc(16, 7);
      bytes.writeUInt32BE(high, 0);
      bytes.writeUInt32BE(low, 4);
      return subjectOf(bytes);
    }),
  );
  fc.assert(
    fc.property(subjects, subjects, (given, asked) => {
      const set = subjectSet();
      const model = new Set<SubjectId>();
      for (const subject of given) {
        set.add(subject);
        model.add(subject);
      }
      // The first 64 bits 0, 0 stand for 0, 1: the only two of these that are taken for one.
      const isAmbiguous = (it: SubjectId): boolean => Buffer.from(it, 'base64url').readUInt32BE(0) === 0;
      for (const subject of [...given, ...asked].filter((it) => !isAmbiguous(it))) expect(set.has(subject)).toBe(model.has(subject));
      for (const subject of given) expect(set.has(subject)).toBe(true);
    }),
  );
});

test('takes at most 13 bytes a person once there are many', () => {
  const many = 300_000;
  const random = randomBytes(16 * many);
  const nth = (n: number): SubjectId => subjectOf(random.subarray(16 * n, 16 * n + 16));
  const set = subjectSet();
  let early = 0;
  for (let n = 0; n < many; n++) {
    const subject = nth(n);
    if (set.has(subject)) early += 1;
    set.add(subject);
  }
  expect(early).toBe(0);
  expect(set.bytes()).toBeLessThan(13 * many);
  for (let n = 0; n < many; n += 97) expect(set.has(nth(n))).toBe(true);
});
