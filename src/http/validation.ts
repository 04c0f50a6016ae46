import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { Static, TSchema } from 'typebox';
import { isRejection } from '../domain/kernel/rejection.ts';
import { parseDuration } from '../domain/values/duration.ts';
import { isWithinReach } from '../domain/values/instant.ts';
import { isTimeZone } from '../domain/values/timeZone.ts';
import type { InvalidMember } from './problems.ts';

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly InvalidMember[] };
export type Check<T> = (value: unknown) => Checked<T>;

/** Compiles schemas, each once and when it is first needed. */
export interface Checks {
  /** Bodies and responses: taken as they are. */
  body<S extends TSchema>(schema: S): Check<Static<S>>;
  /** Parameters come as text: coerced to the types of the schema, with its defaults filled in. */
  parameters<S extends TSchema>(schema: S): Check<Static<S>>;
}

/** As many as anyone would mend at once; more are counted, not listed. */
const MOST_ERRORS = 200;

/** A date and time of RFC 3339, with any offset. */
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339 has no hour 24, and neither has a wall time. */
const LOCAL = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d(?::\d\d)?$/;

/** `Date.parse` moves the 30th of February to March. */
const isDay = (text: string): boolean => new Date(Date.parse(`${text.slice(0, 10)}T00:00:00Z`)).getUTCDate() === Number(text.slice(8, 10));

const formats = (): Readonly<Record<string, (text: string) => boolean>> => ({
  'date-time': (text) => DATE_TIME.test(text) && isWithinReach(Date.parse(text)) && isDay(text),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDay(text),
  /** Wall time without zone: `2026-12-01T09:00` or with seconds. */
  'local-date-time': (text) => LOCAL.test(text) && isWithinReach(Date.parse(`${text}Z`)) && isDay(text),
  duration: (text) => {
    const parsed = parseDuration(text);
    return typeof parsed === 'number' || !isRejection(parsed);
  },
  'time-zone': remembered(isTimeZone),
  uri: (text) => URL.canParse(text) && /^[a-z][a-z0-9+.-]*:/i.test(text),
  locale: (text) => /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}$/.test(text),
  base64: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
});

/** Asking the runtime for a zone takes some 50 µs, and callers name few. */
function remembered(ask: (text: string) => boolean): (text: string) => boolean {
  const known = new Map<string, boolean>();
  return (text) => {
    const answer = known.get(text) ?? ask(text);
    if (known.size < 1000) known.set(text, answer);
    return answer;
  };
}

const FORMAT_MESSAGES: Readonly<Record<string, string>> = {
  'date-time': 'must be a date and time of RFC 3339, like 2026-12-01T09:00:00.000Z',
  date: 'must be a date like 2026-12-01',
  'local-date-time': 'must be a local date and time without zone, like 2026-12-01T09:00',
  duration: 'must be an ISO 8601 duration in weeks to seconds, like PT2H, of at most a century',
  'time-zone': 'must be a time zone of the IANA database, like Europe/Vienna',
  uri: 'must be an absolute URI',
  locale: 'must be a language tag (BCP 47), like de-AT',
  base64: 'must be base64 (RFC 4648 §4) with its padding',
};

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

const MESSAGES: Readonly<Record<string, (error: ErrorObject) => InvalidMember>> = {
  required: (e) => ({ path: `${e.instancePath}/${escaped(String(e.params['missingProperty']))}`, message: 'is required' }),
  additionalProperties: (e) => ({
    path: `${e.instancePath}/${escaped(String(e.params['additionalProperty']))}`,
    message: 'is not a known member',
  }),
  propertyNames: (e) => ({ path: `${e.instancePath}/${escaped(String(e.params['propertyName']))}`, message: 'is no valid name' }),
  enum: (e) => ({ path: e.instancePath, message: `must be one of ${[e.params['allowedValues']].flat().map(String).join(', ')}` }),
  const: (e) => ({ path: e.instancePath, message: `must be ${JSON.stringify(e.params['allowedValue'])}` }),
  format: (e) => ({ path: e.instancePath, message: FORMAT_MESSAGES[String(e.params['format'])] ?? 'is not well-formed' }),
  type: (e) => ({ path: e.instancePath, message: `must be ${[e.params['type']].flat().map(String).join(' or ')}` }),
};

/** A rule that JSON Schema says in a roundabout way (`not`, `anyOf`) carries its sentence as `x-message`. */
const sentenceOf = (error: ErrorObject): string | undefined => {
  const sentence: unknown = error.parentSchema?.['x-message'];
  return typeof sentence === 'string' ? sentence : undefined;
};

const memberOf = (error: ErrorObject): InvalidMember =>
  MESSAGES[error.keyword]?.(error) ?? { path: error.instancePath, message: error.message ?? 'is not valid' };

/** What stands under an alternative with a sentence, or explains the name that `propertyNames` already reports, says nothing new. */
const isNoise = (error: ErrorObject, silenced: readonly string[]): boolean =>
  error.propertyName !== undefined || silenced.some((path) => error.schemaPath.startsWith(path));

function membersOf(errors: readonly ErrorObject[]): readonly InvalidMember[] {
  const spoken = errors.filter((error) => sentenceOf(error) !== undefined);
  const silenced = spoken.map((error) => `${error.schemaPath}/`);
  const found = new Map<string, InvalidMember>();
  for (const error of errors) {
    if (error.keyword === 'if') continue;
    if (isNoise(error, silenced) && sentenceOf(error) === undefined) continue;
    const member = { ...memberOf(error), ...messageOf(error) };
    found.set(`${member.path} ${member.message}`, member);
    if (found.size >= MOST_ERRORS) break;
  }
  return [...found.values()];
}

function messageOf(error: ErrorObject): { readonly message?: string } {
  const sentence = sentenceOf(error);
  const applies = ['not', 'anyOf', 'oneOf', 'pattern', 'format', 'dependentRequired'].includes(error.keyword);
  return sentence !== undefined && applies ? { message: sentence } : {};
}

function build(coerce: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    coerceTypes: coerce,
    useDefaults: coerce,
    // Keys of variables are names of own members only: `constructor` is not there unless it was sent.
    ownProperties: true,
    keywords: ['x-message', 'example'],
  });
  for (const [name, check] of Object.entries(formats())) ajv.addFormat(name, check);
  return ajv;
}

/** A text like `1e400` is coerced to infinity, which passes every limit of its schema: Ajv compares only what is finite. */
const endlessIn = (value: unknown): readonly InvalidMember[] =>
  Object.entries(value ?? {}).flatMap(([name, member]) =>
    typeof member === 'number' && !Number.isFinite(member)
      ? [{ path: `/${escaped(name)}`, message: 'must be a number that can be reckoned with' }]
      : [],
  );

function compiler(coerce: boolean): <S extends TSchema>(schema: S) => Check<Static<S>> {
  let ajv: Ajv2020 | undefined;
  return <S extends TSchema>(schema: S): Check<Static<S>> => {
    let validate: ValidateFunction<Static<S>> | undefined;
    return (value) => {
      ajv ??= build(coerce);
      validate ??= ajv.compile<Static<S>>(schema);
      if (!validate(value)) return { ok: false, errors: membersOf(validate.errors ?? []) };
      const endless = coerce ? endlessIn(value) : [];
      return endless.length > 0 ? { ok: false, errors: endless } : { ok: true, value };
    };
  };
}

export const createChecks = (): Checks => ({ body: compiler(false), parameters: compiler(true) });
