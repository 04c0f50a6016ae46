import { type DestinationStream, pino } from 'pino';
import { PortError } from '../../domain/kernel/portError.ts';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * What a line may hold, by name: our own codes, names and ids, counts and durations. Personal data has no name here, so it cannot be
 * logged; a new name is added only for what is never personal.
 */
const STRINGS = [
  'action',
  'batchId',
  'channel',
  'claim',
  'code',
  'commandId',
  'consumer',
  'correlationId',
  'deliveryId',
  'directory',
  'eventId',
  'eventType',
  'keyId',
  'kind',
  'method',
  'name',
  'notificationId',
  'outcome',
  'position',
  'process',
  'projection',
  'provider',
  'requestId',
  'role',
  'roles',
  'route',
  'signal',
  'state',
  'stream',
  'subject',
  'tenant',
  'traceId',
  'url',
  'version',
] as const;
const NUMBERS = ['attempt', 'bytes', 'count', 'durationMs', 'epoch', 'failed', 'lag', 'pid', 'port', 'status', 'tries', 'waitMs'] as const;

export type LogFields = Partial<
  Readonly<Record<(typeof STRINGS)[number], string>> & Readonly<Record<(typeof NUMBERS)[number], number>> & { readonly error: unknown }
>;

/** `message` is a fixed text: what varies goes into the fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with these fields on every line. */
  with(fields: LogFields): Log;
}

/** Ids, codes, routes, paths, URLs without a query. An address has an @ or a +, a name a space: they do not pass, whoever put them there. */
const CLEAR = /^[\w.:/\\{}[\],*=-]{0,512}$/;
const HIDDEN = '[redacted]';
const clear = (text: string): string => (CLEAR.test(text) ? text : HIDDEN);

/** Where it was thrown: frames alone, since the lines above them repeat the message. */
const framesOf = (error: Error): readonly string[] =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12)
    .map((line) => line.trim());

const codeOf = (error: object): string | undefined => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^[\w.-]{1,64}$/.test(code) ? code : undefined;
};

/** Only a PortError's message is ours; anyone else's may quote what it was given, so type, code and place must do. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { cause } = error;
  return {
    type: clear(error.name),
    ...(error instanceof PortError ? { kind: error.kind, message: error.message } : {}),
    code: codeOf(error),
    frames: framesOf(error),
    ...(cause instanceof Error ? { cause: { type: clear(cause.name), code: codeOf(cause), frames: framesOf(cause).slice(0, 4) } } : {}),
  };
}

const NAMED: ReadonlyMap<string, 'string' | 'number'> = new Map([
  ...STRINGS.map((name) => [name, 'string'] as const),
  ...NUMBERS.map((name) => [name, 'number'] as const),
]);

/** The types say which fields there are; this holds it at run time as well, where an object came from elsewhere. */
function permitted(fields: LogFields): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'error') line['error'] = describeError(value);
    else if (typeof value === 'string' && NAMED.get(name) === 'string') line[name] = clear(value);
    else if (typeof value === 'number' && NAMED.get(name) === 'number') line[name] = value;
  }
  return line;
}

/** JSON lines on stderr (stdout belongs to what `tidings` prints for people and scripts), redacted by construction. */
export function openLog(level: LogLevel, destination: DestinationStream = pino.destination({ dest: 2, sync: true })): Log {
  const lines = pino(
    { level, base: { service: 'tidings' }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    destination,
  );
  const logOver = (over: typeof lines): Log => ({
    debug: (message, fields = {}) => over.debug(permitted(fields), message),
    info: (message, fields = {}) => over.info(permitted(fields), message),
    warn: (message, fields = {}) => over.warn(permitted(fields), message),
    error: (message, fields = {}) => over.error(permitted(fields), message),
    with: (fields) => logOver(over.child(permitted(fields))),
  });
  return logOver(lines);
}
