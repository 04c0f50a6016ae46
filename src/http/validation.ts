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

const isInstant = (text: string): boolean => DATE_TIME.test(text) && isDay(text) && !Number.isNaN(Date.parse(text));
const isWall = (text: string): boolean => LOCAL.test(text) && isDay(text) && !Number.isNaN(Date.parse(`${text}Z`));

const formats = (): Readonly<Record<string, (text: string) => boolean>> => ({
  'date-time': (text) => isInstant(text) && isWithinReach(Date.parse(text)),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDay(text),
  /** Wall time without zone: `2026-12-01T09:00` or with seconds. */
  'local-date-time': (text) => isWall(text) && isWithinReach(Date.parse(`${text}Z`)),
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

function formatMessage(format: string, value: unknown): string {
  const isTime =
    typeof value === 'string' && ((format === 'date-time' && isInstant(value)) || (format === 'local-date-time' && isWall(value)));
  return isTime ? 'must lie between the years 1000 and 8999' : (FORMAT_MESSAGES[format] ?? 'is not well-formed');
}

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
  format: (e) => ({ path: e.instancePath, message: formatMessage(String(e.params['format']), e.data) }),
  type: (e) => ({ path: e.instancePath, message: `must be ${[e.params['type']].flat().map(String).join(' or ')}` }),
};

/** A rule that JSON Schema says in a roundabout way (`not`, `anyOf`) carries its sentence as `x-message`. */
const sentenceOf = (error: ErrorObject): string | undefined => {
  const sentence: unknown = error.parentSchema?.['x-message'];
  return typeof sentence === 'string' ? sentence : undefined;
};

const memberOf = (error: ErrorObject): InvalidMember =>
  MESSAGES[error.keyword]?.(error) ?? { path: error.instancePath, message: error.message ?? 'is not valid' };

/** What has the wrong type is told so, and nothing of what its schema asks of the right one: most of that passes over other types, `not` does not. */
function withoutTypeless(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const typeless = errors.filter(({ keyword }) => keyword === 'type');
  const isMoot = (error: ErrorObject): boolean =>
    typeless.some(
      (type) =>
        type !== error && type.instancePath === error.instancePath && error.schemaPath.startsWith(type.schemaPath.slice(0, -'type'.length)),
    );
  return typeless.length === 0 ? errors : errors.filter((error) => !isMoot(error));
}

/** What stands under an alternative with a sentence, or explains the name that `propertyNames` already reports, says nothing new. */
const isNoise = (error: ErrorObject, silenced: readonly string[]): boolean =>
  error.propertyName !== undefined || silenced.some((path) => error.schemaPath.startsWith(path));

function membersOf(all: readonly ErrorObject[]): readonly InvalidMember[] {
  const errors = withoutTypeless(all);
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

/**
 * What no parameter may be, whatever its schema says. A text like `1e400` is coerced to infinity, which passes every limit: Ajv compares
 * only what is finite. U+0000 is the one character that Postgres takes in no text.
 */
function unusable(member: unknown): string | undefined {
  if (typeof member === 'number') return Number.isFinite(member) ? undefined : 'must be a number that can be reckoned with';
  return typeof member === 'string' && member.includes('\0') ? 'must not hold U+0000' : undefined;
}

const unusableIn = (value: unknown): readonly InvalidMember[] =>
  Object.entries(value ?? {}).flatMap(([name, member]) => {
    const message = unusable(member);
    return message === undefined ? [] : [{ path: `/${escaped(name)}`, message }];
  });

function compiler(coerce: boolean): <S extends TSchema>(schema: S) => Check<Static<S>> {
  let ajv: Ajv2020 | undefined;
  return <S extends TSchema>(schema: S): Check<Static<S>> => {
    let validate: ValidateFunction<Static<S>> | undefined;
    return (value) => {
      ajv ??= build(coerce);
      validate ??= ajv.compile<Static<S>>(schema);
      if (!validate(value)) return { ok: false, errors: membersOf(validate.errors ?? []) };
      const errors = coerce ? unusableIn(value) : [];
      return errors.length > 0 ? { ok: false, errors } : { ok: true, value };
    };
  };
}

export const createChecks = (): Checks => ({ body: compiler(false), parameters: compiler(true) });
