import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { isLoopback } from '../config/databases.ts';
import { EXIT, Failure } from './failure.ts';
import { problemText } from './problem.ts';
import type { Io } from './terminal.ts';

/** Of every command that asks the running service. */
export type ServiceOptions = { readonly url?: string; readonly keyFile?: string; readonly timeout: string; readonly json?: true };

export const withServiceOptions = (command: Command): Command =>
  command
    .option('--url <url>', 'of the service (default: the one that start wrote to the data directory)')
    .option('--key-file <file>', 'that holds the API key (default: TIDINGS_API_KEY, else the admin key of the data directory)')
    .option('--timeout <seconds>', 'for each request', '30')
    .option('--json', 'print the answer as JSON');

export type Answered = { readonly status: number; readonly body: unknown; readonly headers: Headers };
type Request = { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };
/** The running service. Methods throw Failure: refused with the problem's text, or unreachable. */
export type ServiceClient = {
  readonly get: (path: string, query?: Readonly<Record<string, string | undefined>>) => Promise<Answered>;
  readonly post: (path: string, request?: Request) => Promise<Answered>;
};

type Running = { readonly url: string; readonly pid: number };
/** An empty setting is none, as everywhere. */
const settingOf = ({ env }: Io, name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
const dataDirOf = (io: Io): string => settingOf(io, 'TIDINGS_DATA_DIR') ?? './.tidings';

/** What `start` wrote when it was ready; it may have died since. */
export function runningIn(dataDir: string): Running | undefined {
  try {
    const read: unknown = JSON.parse(readFileSync(join(dataDir, 'service.json'), 'utf8'));
    if (typeof read !== 'object' || read === null || !('url' in read) || typeof read.url !== 'string') return undefined;
    return { url: read.url, pid: 'pid' in read && typeof read.pid === 'number' ? read.pid : 0 };
  } catch {
    return undefined;
  }
}

type Target = { readonly base: string; /** Ours by the data directory, or on this machine. */ readonly trusted: boolean };

function targetOf({ url }: ServiceOptions, io: Io): Target {
  const found = runningIn(dataDirOf(io))?.url;
  const given = url ?? found;
  if (given === undefined)
    throw new Failure(
      EXIT.unreachable,
      `No service runs on the data directory ${dataDirOf(io)}.`,
      'Start it (npm start), or say where it is: --url http://127.0.0.1:3000',
    );
  const parsed = URL.canParse(given) ? new URL(given) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.username !== '')
    throw new Failure(EXIT.usage, '--url takes a URL such as http://127.0.0.1:3000');
  return { base: given.replace(/\/+$/, ''), trusted: url === undefined || url === found || isLoopback(parsed.hostname) };
}

function keyIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new Failure(EXIT.usage, `The key cannot be read from ${file}.`);
  }
}

/** Named by the caller, or this installation's admin key, which goes to no other machine unless it is named. */
function keyOf({ keyFile }: ServiceOptions, io: Io, { trusted }: Target): string {
  if (keyFile !== undefined) return keyIn(keyFile);
  const named = settingOf(io, 'TIDINGS_API_KEY');
  if (named !== undefined) return named;
  if (!trusted)
    throw new Failure(EXIT.usage, 'Say which key to use there: --key-file <file>, or TIDINGS_API_KEY. The local admin key stays here.');
  return settingOf(io, 'TIDINGS_ADMIN_KEY') ?? keyIn(settingOf(io, 'TIDINGS_ADMIN_KEY_FILE') ?? join(dataDirOf(io), 'admin-key'));
}

function millisecondsOf({ timeout }: ServiceOptions): number {
  const seconds = Number(timeout);
  if (seconds > 0 && seconds <= 3600) return Math.ceil(seconds * 1000);
  throw new Failure(EXIT.usage, '--timeout takes seconds, at most 3600.');
}

const bodyIn = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export function openService(options: ServiceOptions, io: Io): ServiceClient {
  const target = targetOf(options, io);
  const key = keyOf(options, io, target);
  if (!/^[\x21-\x7e]+$/.test(key)) throw new Failure(EXIT.usage, 'The API key is empty, or holds what a key cannot hold.');
  const ms = millisecondsOf(options);

  async function call(method: string, path: string, { body, headers }: Request = {}): Promise<Answered> {
    const sent = {
      Authorization: `Bearer ${key}`,
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    };
    const signal = AbortSignal.timeout(ms);
    // A redirect is no answer of ours, and the key follows none.
    const init: RequestInit = { method, headers: sent, redirect: 'manual', signal };
    const answer = await fetch(`${target.base}${path}`, body === undefined ? init : { ...init, body: JSON.stringify(body) })
      .then(async (response) => ({ status: response.status, headers: response.headers, text: await response.text() }))
      .catch((error: unknown) => {
        throw new Failure(EXIT.unreachable, ...unreachable(error, target.base, ms));
      });
    const parsed = bodyIn(answer.text);
    if (answer.status < 200 || answer.status > 299) throw refusedWith(answer.status, parsed, target.base);
    if (parsed === undefined && answer.text !== '') throw strange(answer.status, target.base);
    return { status: answer.status, headers: answer.headers, body: parsed };
  }

  return {
    get: (path, query = {}) => {
      const given = Object.entries(query).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]));
      const search = new URLSearchParams(given).toString();
      return call('GET', search === '' ? path : `${path}?${search}`);
    },
    post: (path, request) => call('POST', path, request),
  };
}

const strange = (status: number, base: string): Failure =>
  new Failure(EXIT.unreachable, `What answers at ${base} is not Tidings (status ${status}): check --url.`);

function refusedWith(status: number, body: unknown, base: string): Failure {
  const text = problemText(body);
  if (text === undefined) return strange(status, base);
  return new Failure(status === 503 ? EXIT.unreachable : EXIT.refused, ...text);
}

function unreachable(error: unknown, base: string, ms: number): readonly string[] {
  if (error instanceof Error && error.name === 'TimeoutError')
    return [`${base} did not answer within ${ms / 1000} s: what was asked for may have been done.`, 'A longer time: --timeout <seconds>'];
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  const code = cause !== undefined && 'code' in cause && typeof cause.code === 'string' ? ` (${cause.code})` : '';
  return [`${base} cannot be reached${code}.`, 'Does it run? See ./tidings doctor; elsewhere: --url <url>'];
}
