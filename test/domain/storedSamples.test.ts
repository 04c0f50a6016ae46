import { describe, expect, test } from 'vitest';
import { mergeStorage, registryOf } from '../../src/adapters/codec/registry.ts';
import {
  allStorages,
  readSamples,
  readStored,
  sampleFiles,
  schemaDigests,
  strayFiles,
  writeMissing,
  writing,
} from '../support/storedSamples.ts';

const storages = await allStorages();

test('every type of event belongs to one aggregate, and its declaration works', () => {
  expect(() => registryOf(mergeStorage(...storages.values()))).not.toThrow();
});

test('no schema of a stored version has changed: a process of the release before would take what it does not know for damaged', () => {
  const { declared, kept } = schemaDigests(storages);
  expect(declared).toStrictEqual(kept);
});

describe.each([...storages])('the stored events of %s', (noun, storage) => {
  if (writing) for (const file of sampleFiles(noun, storage)) writeMissing(storage, file);

  test.each(sampleFiles(noun, storage).map((file) => [`${file.type} version ${file.version}`, file] as const))(
    '%s reads as its sample says (how to write one: test/support/storedSamples.ts)',
    (_, file) => {
      const samples = readSamples(file.path);
      expect(samples?.length).toBeGreaterThan(0);
      expect(samples?.map(({ stored }) => readStored(storage, file, stored))).toStrictEqual(samples?.map(({ read }) => read));
      expect(samples?.some(({ read }) => read === undefined || typeof read === 'string')).toBe(false);
    },
  );

  test('were never withdrawn', () => {
    expect(strayFiles(noun, storage)).toStrictEqual([]);
  });
});
