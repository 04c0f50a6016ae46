import { Type } from 'typebox';
import type { TObject, TProperties, TSchema } from 'typebox';
import { CHANNELS, MESSAGE_CLASSES, PRIORITIES } from '../../domain/values/channel.ts';

/** The small shapes that requests and answers share. `title` makes a schema a component of the OpenAPI document. */

/** Of requests: closed, so that a misspelt member is an error and not a silence. */
export const closed = <P extends TProperties>(properties: P, options: object = {}): TObject<P> =>
  Type.Object(properties, { additionalProperties: false, ...options });
/** Of answers: closed too, since tests check every answer against its schema; clients are told to ignore what they don't know. */
export const answer = <P extends TProperties>(title: string, properties: P): TObject<P> =>
  Type.Object(properties, { additionalProperties: false, title });

export const oneOf = <const V extends readonly string[]>(values: V, description?: string) =>
  Type.Unsafe<V[number]>({ type: 'string', enum: [...values], ...(description === undefined ? {} : { description }) });
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

/** The same shape with a sentence of its own; not for shapes with a title, which are one component wherever they stand. */
export const told = <S extends TSchema>(schema: S, description: string): S => ({ ...schema, description });

export const OutsideId = Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9_.:-]{1,128}$' });
/** 1 to 256 printable characters: letters, marks, numbers, punctuation, symbols, and blanks inside. */
export const RecipientId = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: '^(?=\\S)[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} ]+$',
  'x-message': 'must be 1 to 256 printable characters',
  description: 'Your own id of a person, or the `addr_…` that an inline person was given.',
});
export const InstantIn = Type.String({ format: 'date-time', maxLength: 40, description: 'RFC 3339, with any offset.' });
export const InstantOut = Type.String({ format: 'date-time', description: 'RFC 3339 in UTC with milliseconds.' });
export const Duration = Type.String({ format: 'duration', maxLength: 32, description: 'ISO 8601, in weeks to seconds: `PT2H`.' });
export const TimeZone = Type.String({ format: 'time-zone', maxLength: 64, description: 'A name of the IANA time zone database.' });
export const Locale = Type.String({ format: 'locale', maxLength: 35, description: 'BCP 47, like `de-AT`.' });
export const Uri = Type.String({ format: 'uri', maxLength: 2048 });
export const ChannelName = oneOf(CHANNELS);
export const PriorityName = oneOf(PRIORITIES);
export const ClassName = oneOf(MESSAGE_CLASSES);
/** JSON with names of the caller's choice. `Type.Record` would let names pass that do not fit. */
export const JsonObject = Type.Unsafe<{ readonly [name: string]: unknown }>({
  type: 'object',
  propertyNames: { type: 'string', minLength: 1, maxLength: 128 },
  maxProperties: 1000,
});
/** Of a template; within what an integer of SQL holds. */
export const TemplateVersion = Type.Integer({ minimum: 1, maximum: 2_147_483_647 });
/** The caller's own words for the record. */
export const Reason = Type.String({ minLength: 1, maxLength: 500, description: 'Why; sealed, and kept with the event.' });
export const PositionOut = Type.String({ description: 'A place in the log; opaque. `?after=` takes it.' });

const Limit = Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'How many at most.' });
const Cursor = Type.String({ minLength: 1, maxLength: 2048, description: '`nextCursor` of the page before.' });
/** The parameters of a list: its own filters, `limit` and `cursor`. */
export const listOf = <P extends TProperties>(filters: P) => closed({ ...filters, limit: Limit, cursor: Type.Optional(Cursor) });
/** Of a list without filters of its own. */
export const PageQuery = listOf({});
export const span = { since: Type.Optional(InstantIn), until: Type.Optional(InstantIn) };
export const page = <S extends TSchema>(title: string, of: S) =>
  answer(title, { data: Type.Array(of), nextCursor: nullable(Type.String()) });

export const IdParams = closed({ id: OutsideId });
export const KeyParams = closed({ key: OutsideId });
export const RecipientParams = closed({ recipientId: RecipientId });

export const Filename = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f/\\\\]+$',
  'x-message': 'must be a plain file name',
});

/** Of one line of a bulk. */
export const LineKey = Type.Optional(Type.String({ minLength: 1, maxLength: 255 }));
