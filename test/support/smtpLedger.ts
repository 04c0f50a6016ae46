import { createServer, type AddressInfo, type Socket } from 'node:net';

export type SmtpLedger = {
  readonly port: number;
  /** Mails taken by recipient; who has two was sent to twice. */
  readonly taken: ReadonlyMap<string, number>;
  /** All mails taken. */
  readonly count: () => number;
  readonly close: () => Promise<void>;
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

/** A mail server that throws mails away and writes down who they were for: quick enough not to be what is measured. */
export async function smtpLedger(): Promise<SmtpLedger> {
  const taken = new Map<string, number>();
  const sockets = new Set<Socket>();
  let count = 0;

  function converse(socket: Socket): void {
    let rest: Buffer = Buffer.alloc(0);
    let recipient = '';
    let inData = false;

    /** True when something was read of what is there. */
    function step(say: string[]): boolean {
      const end = inData ? rest.indexOf(END_OF_DATA) : rest.indexOf('\r\n');
      if (end < 0) return false;
      if (inData) {
        rest = rest.subarray(end + END_OF_DATA.length);
        inData = false;
        count += 1;
        taken.set(recipient, (taken.get(recipient) ?? 0) + 1);
        say.push('250 2.0.0 taken\r\n');
        return true;
      }
      const line = rest.toString('latin1', 0, end);
      rest = rest.subarray(end + 2);
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'RCPT') recipient = /<(.*)>/.exec(line)?.[1] ?? '';
      // What follows begins right after the line, and its end may be the first thing in it.
      if (verb === 'DATA') inData = true;
      if (verb === 'QUIT') socket.end('221 2.0.0 bye\r\n');
      else say.push(ANSWERS[verb] ?? '502 5.5.1 what?\r\n');
      return true;
    }

    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const say: string[] = [];
      while (step(say));
      if (say.length > 0 && socket.writable) socket.write(say.join(''));
    });
    socket.write('220 ledger ESMTP\r\n');
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
