import Type, { type TSchema } from 'typebox';
import type { SealedField, StoredAs } from './storage.ts';

/** The few shapes of which stored forms are made; all objects are closed. A sealed field is `text`. */
export const text = Type.String();
export const count = Type.Integer({ minimum: 0 });
export const flag = Type.Boolean();
export const instant = Type.String({ minLength: 24, maxLength: 24 });
export const optional = Type.Optional;
export const list = (of: TSchema): TSchema => Type.Array(of);
export const oneOf = (values: readonly string[]): TSchema => Type.Enum([...values]);
export const shape = (members: Readonly<Record<string, TSchema>>): TSchema => Type.Object(members, { additionalProperties: false });
/** JSON with names of the caller's choice. */
export const record = (of: TSchema): TSchema => Type.Record(Type.String(), of);
export const json = Type.Unknown();

/** An event that has only ever had one stored form. */
export const firstVersion = (schema: TSchema, sealed: readonly SealedField[] = []): StoredAs => ({
  version: 1,
  schema,
  upcast: [],
  sealed,
});
