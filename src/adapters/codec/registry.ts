import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { StoredAs } from '../../domain/kernel/storage.ts';
import { personalPath, type PersonalPath } from './personalPath.ts';

/** How every type of event is stored, by type. */
export type StoredTypes = { readonly [type: string]: StoredAs };

export type StoredType = StoredAs & {
  readonly paths: readonly PersonalPath[];
  /** Undefined when the stored form is as declared; else the path into the schema (never into the data) where it is not. */
  readonly check: (data: unknown) => string | undefined;
};
export type Registry = ReadonlyMap<string, StoredType>;

/** @throws TypeError when two aggregates declare the same type: a type is a stored name and belongs to one. */
export function mergeStorage(...storages: readonly StoredTypes[]): StoredTypes {
  const merged: Record<string, StoredAs> = {};
  for (const storage of storages)
    for (const [type, stored] of Object.entries(storage)) {
      if (Object.hasOwn(merged, type)) throw new TypeError(`${type} is declared twice`);
      merged[type] = stored;
    }
  return merged;
}

/** Formats are not checked: stored forms say what they need by pattern and length. */
export const newAjv = (): Ajv2020 => new Ajv2020({ strict: false, validateFormats: false, allErrors: false });

/** A schema is compiled once, however many codecs a process (a test) makes. */
const compiled = new WeakMap<object, ValidateFunction>();

/** A check that is compiled when it is first needed: some 5 ms a type would delay every start. */
export function lazyCheck(ajv: Ajv2020, schema: object): StoredType['check'] {
  return (data) => {
    const validate = compiled.get(schema) ?? ajv.compile(schema);
    compiled.set(schema, validate);
    return validate(data) ? undefined : (validate.errors?.[0]?.schemaPath ?? '#');
  };
}

/** @throws TypeError for a `storage.ts` that cannot work: at the start, not when the first event comes. */
export function registryOf(types: StoredTypes): Registry {
  const ajv = newAjv();
  return new Map(
    Object.entries(types).map(([type, stored]) => {
      if (stored.upcast.length !== stored.version - 1)
        throw new TypeError(`${type}: version ${stored.version} needs ${stored.version - 1} upcasts`);
      return [type, { ...stored, paths: stored.sealed.map(personalPath), check: lazyCheck(ajv, stored.schema) }];
    }),
  );
}
