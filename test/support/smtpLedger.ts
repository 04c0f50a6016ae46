import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type SmtpLedger = {
  readonly port: number;
  /** Mails taken by recipient; who has two was sent to twice. */
  readonly taken: ReadonlyMap<string, number>;
  /** All mails taken. */
  readonly count: () => number;
  readonly close: () => Promise<void>;
};

export type SmtpLedgerOptions = {
  /** What it calls itself in its greeting. */
  readonly name?: string;
  /** A reply to RCPT that refuses; undefined: the recipient is taken. */
  readonly refuse?: (recipient: string) => string | undefined;
  readonly onTaken?: (recipient: string) => void;
};

const EHLO = ['250-ledger', '250-PIPELINING', '250-SIZE 30000000', '250-8BITMIME', '250-SMTPUTF8', '250 ENHANCEDSTATUSCODES', ''].join(
  '\r\n',
);
const ANSWERS: Readonly<Record<string, string>> = {
  EHLO,
  HELO: '250 ledger\r\n',
  MAIL: '250 2.1.0 ok\r\n',
  RCPT: '250 2.1.5 ok\r\n',
  DATA: '354 go ahead\r\n',
  RSET: '250 2.0.0 ok\r\n',
  NOOP: '250 2.0.0 ok\r\n',
};
const END_OF_DATA = Buffer.from('\r\n.\r\n');

/** Whether the mail server at this port greets with this name: nothing else is said to it but goodbye. */
export async function greetsAs(name: string, port: number): Promise<boolean> {
  const greeting = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.setEncoding('latin1').once('data', (text: string) => {
      socket.end('QUIT\r\n');
      resolve(text);
    });
  });
  return greeting === greetingOf(name);
}
const greetingOf = (name: string): string => `220 ${name} ESMTP\r\n`;

/** A mail server that throws mails away and writes down who they were for: quick enough not to be what is measured. */
export async function smtpLedger({ name = 'ledger', refuse, onTaken }: SmtpLedgerOptions = {}): Promise<SmtpLedger> {
  const taken = new Map<string, number>();
  const sockets = new Set<Socket>();
  let count = 0;

  function converse(socket: Socket): void {
    let rest: Buffer = Buffer.alloc(0);
    let recipient = '';
    let inData = false;
    let refusal: string | undefined;

    /** True when something was read of what is there. */
    function step(say: string[]): boolean {
      const end = inData ? rest.indexOf(END_OF_DATA) : rest.indexOf('\r\n');
      if (end < 0) return false;
      if (inData) {
        rest = rest.subarray(end + END_OF_DATA.length);
        inData = false;
        count += 1;
        taken.set(recipient, (taken.get(recipient) ?? 0) + 1);
        onTaken?.(recipient);
        say.push('250 2.0.0 taken\r\n');
        return true;
      }
      const line = rest.toString('latin1', 0, end);
      rest = rest.subarray(end + 2);
      const verb = line.slice(0, 4).toUpperCase();
      answer(verb, line, say);
      return true;
    }

    function answer(verb: string, line: string, say: string[]): void {
      if (verb === 'RCPT') {
        recipient = /<(.*)>/.exec(line)?.[1] ?? '';
        refusal = refuse?.(recipient);
      }
      // Without a recipient there is nothing to send data for (RFC 5321 3.3).
      const isRefused = refusal !== undefined && (verb === 'RCPT' || verb === 'DATA');
      // What follows begins right after the line, and its end may be the first thing in it.
      if (verb === 'DATA' && !isRefused) inData = true;
      if (verb === 'QUIT') socket.end('221 2.0.0 bye\r\n');
      else if (isRefused) say.push(verb === 'RCPT' ? (refusal ?? '') : '554 5.5.1 no valid recipients\r\n');
      else say.push(ANSWERS[verb] ?? '502 5.5.1 what?\r\n');
    }

    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const say: string[] = [];
      while (step(say));
      if (say.length > 0 && socket.writable) socket.write(say.join(''));
    });
    socket.write(greetingOf(name));
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    converse(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    taken,
    count: () => count,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
