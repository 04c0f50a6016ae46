import { reject } from '../../../domain/kernel/rejection.ts';
import type { Rejection } from '../../../domain/kernel/rejection.ts';
import { pathOf } from './mailboxes.ts';

export type SmtpOptions = {
  readonly host: string;
  readonly port: number;
  /** `implicit`: TLS from the first octet (RFC 8314); `required`: STARTTLS (RFC 3207) or nothing; `opportunistic`: STARTTLS where offered. */
  readonly tls: 'implicit' | 'required' | 'opportunistic' | 'off';
  /** Whether the server's certificate is checked. */
  readonly verify: boolean;
  /** PEM, besides the system's. */
  readonly ca?: string;
  readonly auth?: { readonly user: string; readonly password: string };
  /** Whether the password may leave without TLS. */
  readonly authInClear: boolean;
  readonly connections: number;
  /** Messages that `send` takes for each connection. */
  readonly pipeline: number;
  /** Whether PIPELINING (RFC 2920) and CHUNKING (RFC 3030) are used where offered. */
  readonly pipelining: boolean;
  readonly chunking: boolean;
  /** Milliseconds: from `send` to its answer; to a connection that may send; until an idle one is closed. */
  readonly deadlineMs: number;
  readonly connectMs: number;
  readonly idleMs: number;
  /** What we call ourselves in EHLO; the host's name, or its address, unless told. */
  readonly name?: string;
  /** Where bounces go: the path of MAIL FROM; the address of From unless told. */
  readonly sender?: string;
};

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const NUMBERS = {
  connections: [4, 1, 64],
  pipeline: [16, 1, 500],
  deadline: [30_000, 1_000, 600_000],
  connect: [10_000, 100, 120_000],
  idle: [15_000, 100, 600_000],
} as const;
const FLAGS = { verify: true, auth_in_clear: false, pipelining: true, chunking: false } as const;
const TEXTS = ['tls', 'name', 'sender'] as const;
const KNOWN: ReadonlySet<string> = new Set([...Object.keys(NUMBERS), ...Object.keys(FLAGS), ...TEXTS]);

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Reads each option and collects what is wrong with it. */
function reader(query: URLSearchParams) {
  const problems: string[] = [...query.keys()].filter((key) => !KNOWN.has(key)).map((key) => `${key} is not an option`);
  return {
    problems,
    number(key: keyof typeof NUMBERS): number {
      const [fallback, least, most] = NUMBERS[key];
      const text = query.get(key);
      const value = text === null ? fallback : /^\d{1,6}$/.test(text) ? Number(text) : -1;
      if (value < least || value > most) problems.push(`${key} must be a number from ${least} to ${most}`);
      return value;
    },
    flag(key: keyof typeof FLAGS): boolean {
      const text = query.get(key);
      if (text !== null && text !== '0' && text !== '1') problems.push(`${key} must be 0 or 1`);
      return text === null ? FLAGS[key] : text === '1';
    },
    tls(scheme: string, host: string): SmtpOptions['tls'] {
      const text = query.get('tls');
      if (scheme === 'smtps:') {
        if (text !== null) problems.push('tls is implicit with smtps');
        return 'implicit';
      }
      if (text === 'required' || text === 'opportunistic' || text === 'off') return text;
      if (text !== null) problems.push('tls must be required, opportunistic or off');
      return LOOPBACK.test(host) ? 'opportunistic' : 'required';
    },
    named(key: 'name' | 'sender', pattern: (text: string) => boolean): { readonly [name: string]: string } {
      const text = query.get(key);
      if (text !== null && !pattern(text)) problems.push(key === 'name' ? 'name must be a host name' : 'sender must be an address');
      return text === null ? {} : { [key]: text };
    },
  };
}

/** RFC 8314 3.3, RFC 6409 3.1. */
const portOf = ({ port, protocol, username }: URL): number =>
  port === '' ? (protocol === 'smtps:' ? 465 : username === '' ? 25 : 587) : Number(port);
const authOf = ({ username, password }: URL): Pick<SmtpOptions, 'auth'> =>
  username === '' ? {} : { auth: { user: decoded(username), password: decoded(password) } };

/**
 * `smtp://user:password@host:587?connections=4&pipeline=16` or `smtps://host`. Options: `connections`, `pipeline`, `deadline`,
 * `connect`, `idle` (ms), `tls` (`required`, the default; `opportunistic`, the default for loopback; `off`), `verify` (1),
 * `auth_in_clear` (0), `pipelining` (1), `chunking` (0), `name`, `sender`. The refusal names what is wrong, never a value.
 */
export function parseSmtpUrl(text: string): SmtpOptions | Rejection<'invalid_smtp_url'> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') || url.hostname === '') {
    return reject('invalid_smtp_url', 'write it as smtp://user:password@host:port or smtps://…');
  }
  const read = reader(url.searchParams);
  const options: SmtpOptions = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: portOf(url),
    tls: read.tls(url.protocol, url.hostname),
    verify: read.flag('verify'),
    ...authOf(url),
    authInClear: read.flag('auth_in_clear'),
    connections: read.number('connections'),
    pipeline: read.number('pipeline'),
    pipelining: read.flag('pipelining'),
    chunking: read.flag('chunking'),
    deadlineMs: read.number('deadline'),
    connectMs: read.number('connect'),
    idleMs: read.number('idle'),
    ...read.named('name', (name) => /^[\w.:[\]-]{1,253}$/.test(name)),
    ...read.named('sender', (sender) => pathOf(sender) !== undefined),
  };
  if (url.pathname !== '' && url.pathname !== '/') read.problems.push('it has no path');
  return read.problems.length === 0 ? options : reject('invalid_smtp_url', read.problems.join('; '));
}
