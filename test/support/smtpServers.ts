import { createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerOptions } from 'smtp-server';

export type Received = {
  readonly from: string;
  readonly to: string;
  /** One character per octet, without dot-stuffing. */ readonly raw: string;
};

/** The steps of a session at which a scripted server can be told what to do. `body`: the data has ended. */
export type Step =
  'greeting' | 'ehlo' | 'helo' | 'mail' | 'rcpt' | 'data' | 'body' | 'rset' | 'quit' | 'starttls' | 'auth' | 'bdat' | 'other';
/** `cut`: closes; `reset`: RST; `hang`: never answers; anything else is written as it is, with a CRLF. */
export type Answer = string | undefined;
export type Script = {
  readonly capabilities?: readonly string[];
  /** Asked before the server's own answer; `undefined` leaves it to it. `connection` and `count` (of this step in all) are from 1. */
  readonly on?: (step: Step, it: { readonly connection: number; readonly count: number; readonly line: string }) => Answer;
  /** Closes when so many octets of a message have come. */
  readonly cutDataAt?: number;
  /** Stops reading when so many octets of a message have come. */
  readonly stallDataAt?: number;
  /** Takes DATA although there is no recipient, as RFC 2920 warns. */
  readonly careless?: boolean;
  /** Writes replies a character at a time. */
  readonly trickle?: boolean;
};
export type ScriptedServer = {
  readonly port: number;
  readonly received: readonly Received[];
  /** Everything that was said, in order, without message data. */
  readonly lines: readonly string[];
  readonly connections: () => number;
  readonly close: () => Promise<void>;
};

const DEFAULTS: { readonly [step in Step]?: string } = {
  greeting: '220 scripted ESMTP',
  helo: '250 scripted',
  mail: '250 2.1.0 ok',
  rcpt: '250 2.1.5 ok',
  data: '354 go ahead',
  body: '250 2.0.0 taken',
  bdat: '250 2.0.0 taken',
  rset: '250 2.0.0 ok',
  quit: '221 2.0.0 bye',
  other: '502 5.5.1 what?',
};
const STEPS: readonly Step[] = ['ehlo', 'helo', 'mail', 'rcpt', 'data', 'rset', 'quit', 'starttls', 'auth', 'bdat'];

class Conversation {
  readonly #socket: Socket;
  readonly #script: Script;
  readonly #server: Recorder;
  readonly #number: number;
  #buffer = '';
  #mode: 'commands' | 'data' | { readonly bdat: number } = 'commands';
  #from: string | undefined;
  #to: string | undefined;
  #hung = false;
  #chain = Promise.resolve();

  constructor(socket: Socket, script: Script, server: Recorder) {
    this.#socket = socket;
    this.#script = script;
    this.#server = server;
    this.#number = server.opened;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.#buffer += chunk.toString('latin1');
      this.#read();
    });
    this.#answer('greeting', '');
  }

  #read(): void {
    while (!this.#hung && this.#socket.writable && this.#readOne());
  }

  #readOne(): boolean {
    if (this.#mode === 'data') return this.#readData();
    if (typeof this.#mode === 'object') return this.#readChunk(this.#mode.bdat);
    const end = this.#buffer.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.#buffer.slice(0, end);
    this.#buffer = this.#buffer.slice(end + 2);
    this.#server.lines.push(line);
    this.#command(line);
    return true;
  }

  #readData(): boolean {
    const { cutDataAt, stallDataAt } = this.#script;
    if (cutDataAt !== undefined && this.#buffer.length >= cutDataAt) this.#socket.destroy();
    if (stallDataAt !== undefined && this.#buffer.length >= stallDataAt) this.#socket.pause();
    const end = this.#buffer.startsWith('.\r\n') ? 0 : this.#buffer.indexOf('\r\n.\r\n');
    if (end < 0 || this.#socket.destroyed) return false;
    const raw = this.#buffer.slice(0, end).replace(/^\.|(?<=\r\n)\./g, '');
    this.#buffer = this.#buffer.slice(end === 0 ? 3 : end + 5);
    this.#mode = 'commands';
    this.#taken('body', raw);
    return true;
  }

  #readChunk(length: number): boolean {
    if (this.#buffer.length < length) return false;
    const raw = this.#buffer.slice(0, length);
    this.#buffer = this.#buffer.slice(length);
    this.#mode = 'commands';
    this.#taken('bdat', raw);
    return true;
  }

  #taken(step: 'body' | 'bdat', raw: string): void {
    const [from, to] = [this.#from, this.#to];
    if (to === undefined || from === undefined) {
      this.#write('554 5.5.1 no valid recipients');
      return;
    }
    [this.#from, this.#to] = [undefined, undefined];
    if (this.#answer(step, '').startsWith('2')) this.#server.received.push({ from, to, raw });
  }

  #command(line: string): void {
    const verb = line.slice(0, 4).toLowerCase();
    const step = STEPS.find((one) => one === verb || line.toLowerCase().startsWith(one)) ?? 'other';
    if (step === 'bdat') {
      this.#mode = { bdat: Number(line.split(' ')[1]) };
      return;
    }
    if (this.#isOutOfOrder(step)) {
      this.#write('503 5.5.1 not now');
      return;
    }
    const said = this.#answer(step, line);
    if (step === 'rset' && said.startsWith('2')) [this.#from, this.#to] = [undefined, undefined];
    const path = /<(.*?)>/.exec(Buffer.from(line, 'latin1').toString('utf8'))?.[1] ?? '';
    if (step === 'mail' && said.startsWith('2')) this.#from = path;
    if (step === 'rcpt' && said.startsWith('2')) this.#to = path;
    if (step === 'data' && said.startsWith('354')) this.#mode = 'data';
    if (step === 'quit') this.#socket.end();
  }

  #isOutOfOrder(step: Step): boolean {
    if (step === 'mail') return this.#from !== undefined;
    if (step === 'rcpt') return this.#from === undefined;
    return step === 'data' && this.#to === undefined && this.#script.careless !== true;
  }

  /** What was said, if anything. */
  #answer(step: Step, line: string): string {
    const told = this.#script.on?.(step, { connection: this.#number, count: this.#server.count(step), line });
    if (told === 'cut' || told === 'reset') {
      this.#hung = true;
      if (told === 'cut') this.#socket.destroy();
      else this.#socket.resetAndDestroy();
      return '';
    }
    if (told === 'hang') {
      this.#hung = true;
      return '';
    }
    const capabilities = [
      'scripted',
      ...(this.#script.capabilities ?? ['PIPELINING', 'SIZE 1000000', '8BITMIME', 'ENHANCEDSTATUSCODES', 'SMTPUTF8']),
    ];
    const hello = capabilities.map((one, index) => `250${index === capabilities.length - 1 ? ' ' : '-'}${one}`).join('\r\n');
    const text = told ?? (step === 'ehlo' ? hello : (DEFAULTS[step] ?? '500 5.5.1 what?'));
    this.#write(text);
    if (/^421|\r\n421/.test(text)) this.#socket.end();
    return text;
  }

  #write(text: string): void {
    if (this.#script.trickle !== true) {
      this.#socket.write(`${text}\r\n`);
      return;
    }
    for (const char of `${text}\r\n`) {
      this.#chain = this.#chain
        .then(() => setImmediate())
        .then(() => {
          this.#socket.write(char);
        });
    }
  }
}

class Recorder {
  readonly received: Received[] = [];
  readonly lines: string[] = [];
  readonly sockets = new Set<Socket>();
  readonly #counts = new Map<Step, number>();
  opened = 0;

  count(step: Step): number {
    const count = (this.#counts.get(step) ?? 0) + 1;
    this.#counts.set(step, count);
    return count;
  }
}

/** A server of raw TCP that does what a script says, on a free port of 127.0.0.1. */
export async function scriptedSmtp(script: Script = {}): Promise<ScriptedServer> {
  const recorder = new Recorder();
  const server = createServer((socket) => {
    recorder.opened += 1;
    recorder.sockets.add(socket);
    socket.on('close', () => recorder.sockets.delete(socket));
    new Conversation(socket, script, recorder);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    received: recorder.received,
    lines: recorder.lines,
    connections: () => recorder.opened,
    close: async () => {
      for (const socket of recorder.sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** `smtp-server`: a second opinion on the protocol, with TLS and AUTH. */
export async function realSmtp(options: SMTPServerOptions = {}): Promise<{
  readonly port: number;
  readonly received: readonly Received[];
  readonly sessions: () => readonly { readonly secure: boolean; readonly user: string | undefined }[];
  readonly close: () => Promise<void>;
}> {
  const received: Received[] = [];
  const sessions: { secure: boolean; user: string | undefined }[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (stream.sizeExceeded) {
          done(Object.assign(new Error('too large'), { responseCode: 552 }));
          return;
        }
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo[0]?.address ?? '',
          raw: Buffer.concat(chunks).toString('latin1'),
        });
        sessions.push({ secure: session.secure, user: session.user });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    sessions: () => sessions,
    close: () =>
      new Promise((done) => {
        server.close(done);
      }),
  };
}
