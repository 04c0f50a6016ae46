import { hostname } from 'node:os';
import { isIPv6 } from 'node:net';
import { classifyReply, detailOf } from './smtpReply.ts';
import type { Refused, SmtpReply, SmtpStage } from './smtpReply.ts';
import type { SmtpOptions } from './smtpUrl.ts';
import { SmtpWire } from './smtpWire.ts';

/** What EHLO offered (RFC 5321 4.1.1.1). */
export type Capabilities = {
  readonly pipelining: boolean;
  readonly chunking: boolean;
  readonly eightBit: boolean;
  readonly smtpUtf8: boolean;
  readonly starttls: boolean;
  /** Octets; absent: not offered or without limit. */
  readonly maxSize?: number;
  readonly sizeOffered: boolean;
  readonly auth: readonly string[];
};
export type SmtpSession = { readonly wire: SmtpWire; readonly capabilities: Capabilities };

class HandshakeFailure extends Error {
  readonly refused: Refused;
  constructor(code: string, detail?: string, refused?: Refused) {
    super(code);
    this.refused = refused ?? { outcome: 'refused', kind: 'transient', code, ...(detail === undefined ? {} : { detail }) };
  }
}

function capabilitiesOf(lines: readonly string[]): Capabilities {
  const words = lines.slice(1).map((line) => line.toUpperCase().split(/[ =]+/));
  const has = (keyword: string): boolean => words.some(([first]) => first === keyword);
  const size = Number(words.find(([first]) => first === 'SIZE')?.[1] ?? 0);
  return {
    pipelining: has('PIPELINING'),
    chunking: has('CHUNKING'),
    eightBit: has('8BITMIME'),
    smtpUtf8: has('SMTPUTF8'),
    starttls: has('STARTTLS'),
    sizeOffered: has('SIZE'),
    ...(size > 0 ? { maxSize: size } : {}),
    auth: words.filter(([first]) => first === 'AUTH').flatMap((line) => line.slice(1)),
  };
}

/** Handshakes are one question at a time; what comes unasked or ends early fails the question. */
class Dialogue {
  readonly wire: SmtpWire;
  #resolve: ((reply: SmtpReply) => void) | undefined;
  #fail: ((failure: HandshakeFailure) => void) | undefined;
  #early: SmtpReply | HandshakeFailure | undefined;

  constructor(options: SmtpOptions) {
    this.wire = new SmtpWire(options, {
      onReply: (reply) => {
        const resolve = this.#resolve;
        this.#resolve = undefined;
        if (resolve === undefined) this.#early = reply;
        else resolve(reply);
      },
      onEnd: (code, detail) => {
        this.fail(new HandshakeFailure(code, detail));
      },
    });
  }

  fail(failure: HandshakeFailure): void {
    if (this.#fail === undefined) this.#early = failure;
    else this.#fail(failure);
  }

  async #wait<T>(arm: (resolve: (value: T) => void) => void): Promise<T> {
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#fail = reject;
        arm(resolve);
      });
    } finally {
      this.#resolve = undefined;
      this.#fail = undefined;
    }
  }

  ask(command?: string): Promise<SmtpReply> {
    return this.#wait<SmtpReply>((resolve) => {
      if (this.#early instanceof HandshakeFailure) throw this.#early;
      // a reply to a command that was not sent yet is no reply to it; only the greeting comes by itself
      if (this.#early !== undefined && command !== undefined) throw new HandshakeFailure('protocol_error', detailOf(this.#early));
      this.#resolve = resolve;
      if (command !== undefined) this.wire.write(`${command}\r\n`);
      else if (this.#early !== undefined) resolve(this.#early);
      this.#early = undefined;
    });
  }

  secure(): Promise<void> {
    return this.#wait<undefined>((resolve) => {
      // what came in clear behind the reply would be read as if it had come encrypted (RFC 3207 5)
      if (this.#early !== undefined) throw new HandshakeFailure('protocol_error', 'data in clear behind STARTTLS');
      this.wire.upgrade(() => {
        resolve(undefined);
      });
    });
  }
}

const isOk = ({ code }: SmtpReply): boolean => code >= 200 && code < 300;
function refuse(reply: SmtpReply, stage: SmtpStage, code?: string): never {
  const refused = classifyReply(reply, stage);
  throw new HandshakeFailure(refused.code, undefined, code === undefined ? refused : { ...refused, code });
}

/** A fully qualified name, else the address in brackets (RFC 5321 4.1.3). */
function ehloName({ name }: SmtpOptions, address = '127.0.0.1'): string {
  if (name !== undefined) return name;
  const host = hostname();
  return /^[\w-]+(?:\.[\w-]+)+$/.test(host) ? host : isIPv6(address) ? `[IPv6:${address}]` : `[${address}]`;
}

async function ehlo(dialogue: Dialogue, options: SmtpOptions): Promise<Capabilities> {
  const name = ehloName(options, dialogue.wire.localAddress);
  const reply = await dialogue.ask(`EHLO ${name}`);
  if (isOk(reply)) return capabilitiesOf(reply.lines);
  if (reply.code === 421) refuse(reply, 'greeting');
  const older = await dialogue.ask(`HELO ${name}`);
  return isOk(older) ? capabilitiesOf([]) : refuse(older, 'greeting');
}

async function startTls(dialogue: Dialogue, options: SmtpOptions, offered: Capabilities): Promise<Capabilities> {
  if (options.tls === 'implicit' || options.tls === 'off') return offered;
  if (!offered.starttls) {
    if (options.tls === 'opportunistic') return offered;
    throw new HandshakeFailure('starttls_required', 'the server does not offer STARTTLS');
  }
  const reply = await dialogue.ask('STARTTLS');
  if (!isOk(reply)) refuse(reply, 'greeting', 'tls_failed');
  await dialogue.secure();
  // what was offered in clear may have been forged (RFC 3207 4.2)
  return ehlo(dialogue, options);
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

type Credentials = NonNullable<SmtpOptions['auth']>;

/** RFC 4616. */
const authPlain = (dialogue: Dialogue, { user, password }: Credentials): Promise<SmtpReply> =>
  dialogue.ask(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);

async function authLogin(dialogue: Dialogue, { user, password }: Credentials): Promise<SmtpReply> {
  let reply = await dialogue.ask('AUTH LOGIN');
  for (const answer of [user, password]) if (reply.code === 334) reply = await dialogue.ask(base64(answer));
  return reply;
}

async function authenticate(dialogue: Dialogue, { auth, authInClear }: SmtpOptions, { auth: mechanisms }: Capabilities): Promise<void> {
  if (auth === undefined) return;
  if (!dialogue.wire.encrypted && !authInClear) throw new HandshakeFailure('auth_requires_tls', 'no password leaves without TLS');
  const how = mechanisms.includes('PLAIN') ? authPlain : mechanisms.includes('LOGIN') ? authLogin : undefined;
  if (how === undefined) throw new HandshakeFailure('auth_unsupported', 'the server offers neither PLAIN nor LOGIN');
  const reply = await how(dialogue, auth);
  if (!isOk(reply)) refuse(reply, 'auth', reply.code < 500 ? undefined : 'auth_failed');
}

async function shakeHands(dialogue: Dialogue, options: SmtpOptions): Promise<Capabilities> {
  const greeting = await dialogue.ask();
  if (!isOk(greeting)) refuse(greeting, 'greeting', greeting.code < 500 ? undefined : 'service_unavailable');
  const capabilities = await startTls(dialogue, options, await ehlo(dialogue, options));
  await authenticate(dialogue, options, capabilities);
  return capabilities;
}

/**
 * Opens a connection that may send: greeting, EHLO, STARTTLS, AUTH, within `connectMs`. What fails here is a definite no for every
 * message: none was named yet. Never throws for what the other side does.
 */
export async function openSession(options: SmtpOptions): Promise<SmtpSession | Refused> {
  let dialogue: Dialogue | undefined;
  const timer = setTimeout(() => {
    dialogue?.fail(new HandshakeFailure('connect_timeout'));
  }, options.connectMs);
  try {
    dialogue = new Dialogue(options);
    return { wire: dialogue.wire, capabilities: await shakeHands(dialogue, options) };
  } catch (error) {
    dialogue?.wire.destroy();
    if (error instanceof HandshakeFailure) return error.refused;
    // what the system refuses before it tries, like a port that there is not
    return {
      outcome: 'refused',
      kind: 'transient',
      code: 'connection_failed',
      ...(error instanceof Error ? { detail: error.message } : {}),
    };
  } finally {
    clearTimeout(timer);
  }
}
