import { expect, test } from 'vitest';
import { blobKey, labelKey, purposeKey } from '../../../src/adapters/crypto/derive.ts';

test('no two uses share a key: of a blob neither person, month, class nor whether it is shared, of hashes not the purpose', () => {
  const [ana, ben, november] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(32, 3)];
  const keys = [
    blobKey(ana, november, 'identity'),
    blobKey(ana, november, 'content'),
    blobKey(ana, ben, 'identity'),
    blobKey(ben, november, 'identity'),
    blobKey(undefined, november, 'identity'),
    blobKey(undefined, november, 'content'),
    blobKey(undefined, ana, 'identity'),
    labelKey(ana),
    labelKey(ben),
    purposeKey(ana, 'address'),
    purposeKey(ana, 'key'),
    purposeKey(ben, 'address'),
  ].map((key) => key.toString('hex'));
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.every((key) => key.length === 64)).toBe(true);
  expect(blobKey(ana, november, 'identity').toString('hex')).toBe(keys[0]);
});
