import { SMTPServer } from 'smtp-server';
import { simpleParser, type ParsedMail } from 'mailparser';
import type { AddressInfo } from 'node:net';

export type Mail = { readonly from: string; readonly to: string; readonly raw: string; readonly parsed: ParsedMail };
export type Mailbox = {
  readonly url: () => string;
  readonly mails: readonly Mail[];
  readonly to: (address: string) => readonly Mail[];
  readonly open: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** A mail server for real, whose mails are read with another's parser. */
export function mailbox(): Mailbox {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const { mailFrom, rcptTo } = session.envelope;
        void simpleParser(bytes).then((parsed) => {
          mails.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo[0]?.address ?? '',
            raw: bytes.toString('latin1'),
            parsed,
          });
          done();
        }, done);
      });
    },
  });
  server.on('error', () => undefined);
  let port = 0;
  return {
    url: () => `smtp://127.0.0.1:${String(port)}`,
    mails,
    to: (address) => mails.filter((mail) => mail.to === address),
    open: async () => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
      port = (server.server.address() as AddressInfo).port;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
