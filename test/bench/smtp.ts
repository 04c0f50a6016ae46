import { simpleParser } from 'mailparser';
import nodemailer from 'nodemailer';
import { emailComposer } from '../../src/adapters/providers/email/composeEmail.ts';
import { dkimSigner } from '../../src/adapters/providers/email/dkim.ts';
import { smtpProvider } from '../../src/adapters/providers/email/smtp.ts';
import { parseSmtpUrl } from '../../src/adapters/providers/email/smtpUrl.ts';
import { createRenderer } from '../../src/adapters/templating/renderer.ts';
import { isRejection } from '../../src/domain/kernel/rejection.ts';
import { isRenderFailure } from '../../src/processes/dispatch/renderer.ts';
import type { EmailMessage } from '../../src/processes/dispatch/provider.ts';
import { addressOf, FROM, MAIL, newDkimKey, outgoing, variablesOf } from './mail.ts';
import { byCallers, compete, introduce, must, optionsOf, say, timed } from './rounds.ts';
import { startMailCounter } from './mailCounter.ts';
import { eventually } from '../support/client.ts';

/** Rendered mails to one SMTP server: our client with pipelining and MIME of its own ÷ nodemailer's pooled transport, as many connections each. */
const { mails, rounds, connections, pipeline } = optionsOf({ mails: 5_000, rounds: 5, connections: 4, pipeline: 16 });
const clock = { epochMs: () => Date.now() };
const renderer = createRenderer();

const people = Array.from({ length: mails }, (_, index) => {
  const made = renderer.render({ content: MAIL, channel: 'email', variables: variablesOf(index) });
  must(!isRenderFailure(made) && made.channel === 'email', 'the mail renders');
  return made;
});
const messageTo = (to: string, index: number): EmailMessage => ({ ...people[index]!, from: FROM, to, attachments: [] });

const key = newDkimKey();
const counter = await startMailCounter();
const arrived = async (before: number): Promise<void> => {
  await eventually('all mails have arrived', () => (counter.mails() - before >= mails ? true : undefined), { seen: counter.mails });
  must(counter.mails() - before === mails && counter.people() === counter.mails(), 'each mail arrives once, and for another person');
};

let turns = 0;
function contenders(signed: boolean) {
  const url = `smtp://127.0.0.1:${String(counter.port)}?connections=${String(connections)}&pipeline=${String(pipeline)}`;
  const options = parseSmtpUrl(url);
  if (isRejection(options)) throw new Error(options.rejected);
  const provider = smtpProvider(options, { clock, ...(signed && { dkim: [key] }) });
  const transport = nodemailer.createTransport({
    pool: true,
    host: '127.0.0.1',
    port: counter.port,
    secure: false,
    ignoreTLS: true,
    maxConnections: connections,
    maxMessages: Number.POSITIVE_INFINITY,
    ...(signed && { dkim: { domainName: key.domain, keySelector: key.selector, privateKey: key.privateKey } }),
  });
  const half = provider.window / 2;
  const own = async (): Promise<void> => {
    const [turn, before] = [turns++, counter.mails()];
    // Two groups at a time, as two claims of a worker are: each hands over half a window and waits for its answers.
    await byCallers(2, Math.ceil(mails / half), async (part) => {
      const indices = Array.from({ length: Math.min(half, mails - part * half) }, (_, at) => part * half + at);
      const results = await provider.send(
        indices.map((index) => outgoing(`${String(turn)}-${String(index)}`, messageTo(addressOf(turn, index), index))),
      );
      must(
        results.every(({ outcome }) => outcome === 'accepted'),
        'each mail is accepted',
      );
    });
    await arrived(before);
  };
  const theirs = async (): Promise<void> => {
    const [turn, before] = [turns++, counter.mails()];
    await byCallers(provider.window, mails, async (index) => {
      const { html, text, subject } = people[index]!;
      await transport.sendMail({ from: FROM, to: addressOf(turn, index), subject, ...(html && { html }), ...(text && { text }) });
    });
    await arrived(before);
  };
  const close = async (): Promise<void> => {
    transport.close();
    await provider.close();
  };
  return { own: () => timed(mails, own), theirs: () => timed(mails, theirs), close };
}

/** Both ways a reader sees the same mail. */
async function checkAlike(): Promise<void> {
  const composed = await emailComposer({ clock, dkim: dkimSigner([key]) })(messageTo('reader@example.com', 0), 'key');
  must('raw' in composed, 'the mail is composed');
  const { html, text, subject } = people[0]!;
  const streamed = await nodemailer
    .createTransport({ streamTransport: true, buffer: true })
    .sendMail({ from: FROM, to: 'reader@example.com', subject, ...(html && { html }), ...(text && { text }) });
  const [a, b] = await Promise.all(
    [Buffer.from(composed.raw, 'latin1'), streamed.message as Buffer].map(async (raw) => {
      const mail = await simpleParser(raw, { skipImageLinks: true });
      const lines = (it: string | false | undefined): string =>
        (it === false || it === undefined ? '' : it).replaceAll('\r\n', '\n').trimEnd();
      return JSON.stringify([mail.subject, lines(mail.html), lines(mail.text), mail.from?.text]);
    }),
  );
  must(a === b, `both compose the same: ${String(a)}\n${String(b)}`);
}

introduce('smtp', `${String(mails)} mails a turn, ${String(connections)} connections each, ours with a pipeline of ${String(pipeline)}`);
await checkAlike();
for (const signed of [false, true]) {
  say(signed ? '  signed with DKIM, RSA 2048' : '  plain');
  const { own, theirs, close } = contenders(signed);
  await compete({
    bench: signed ? 'smtp-dkim' : 'smtp',
    unit: 'mails/s',
    rounds,
    ours: { name: 'bulk path', turn: own },
    rivals: [{ name: 'nodemailer.sendMail', ...(signed ? {} : { goal: 5 }), turn: theirs }],
  });
  await close();
}
await counter.close();
