import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runBigBatch } from '../support/bigBatch.ts';
import { eventually } from '../support/client.ts';
import { inScratch } from '../support/scratch.ts';
import { FROM, NEWS, NEWS_VARIABLES, newDkimKey } from './mail.ts';
import { compete, introduce, must, optionsOf, say, type Turn } from './rounds.ts';
import { startMailCounter, type MailCounter } from './mailCounter.ts';
import type { TransportDone, TransportTask } from './transportProcess.ts';

/**
 * One batch by HTTP to many people by SMTP through the real program on its embedded database, until the last mail has arrived and the
 * read model shows everybody as sent ÷ rendering and handing over the same mails from memory. (One-click headers, RFC 8058, don't exist
 * in this version: that column of the goal is measured when they do.)
 */
const { recipients, rounds, connections, pipeline, dkim } = optionsOf({
  recipients: 100_000,
  rounds: 3,
  connections: 4,
  pipeline: 16,
  dkim: 0,
});
const DEADLINE_MS = 120_000 + recipients * 10;

/** A mail server for each turn, which must have taken every mail once. */
async function intoCounter(send: (counter: MailCounter, smtpUrl: string) => Promise<Turn>): Promise<Turn> {
  const counter = await startMailCounter();
  try {
    const turn = await send(
      counter,
      `smtp://127.0.0.1:${String(counter.port)}?connections=${String(connections)}&pipeline=${String(pipeline)}`,
    );
    must(
      counter.mails() === recipients && counter.people() === recipients,
      `everybody has one mail: ${String([counter.mails(), counter.people()])}`,
    );
    return turn;
  } finally {
    await counter.close();
  }
}

function alone(key: TransportTask['dkim']): Promise<Turn> {
  return intoCounter(async (counter, smtpUrl) => {
    const child = fork(fileURLToPath(new URL('transportProcess.ts', import.meta.url)));
    const turn = await new Promise<Turn>((resolve, reject) => {
      child.once('exit', () => reject(new Error('the transport ended')));
      child.once('message', (done: TransportDone) => resolve(done));
      child.send({ smtpUrl, mails: recipients, ...(key && { dkim: key }) } satisfies TransportTask);
    });
    await eventually('all mails have arrived', () => (counter.mails() >= recipients ? true : undefined));
    return turn;
  });
}

// The program makes it, so that its database may enter and stays inside.
let runs = 0;
const whole = (scratch: string, key: TransportTask['dkim']): Promise<Turn> =>
  intoCounter(async (counter, smtpUrl) => {
    const { shownMs, cpuMs, batch, bad } = await runBigBatch({
      recipients,
      dataDir: join(scratch, `data-${String(runs++)}`),
      message: { type: 'newsletter_issue', category: 'transactional', content: NEWS, variables: NEWS_VARIABLES },
      env: {
        NODE_ENV: 'development',
        EMAIL_PROVIDERS: 'smtp',
        EMAIL_FROM: FROM,
        SMTP_URL: smtpUrl,
        ...(key && { DKIM_DOMAIN: key.domain, DKIM_SELECTOR: key.selector, DKIM_PRIVATE_KEY: key.privateKey }),
      },
      arrived: counter.mails,
      deadlineMs: DEADLINE_MS,
    });
    must(bad.length === 0, `the service logs no error: ${JSON.stringify(bad.slice(0, 3))}`);
    must(batch.outcomes.sent === recipients, `the read model shows everybody: ${JSON.stringify(batch.outcomes)}`);
    return { count: recipients, ms: shownMs, cpuMs };
  });

introduce(
  'e2e-bulk',
  `${String(recipients)} recipients a turn, ${String(connections)} connections with a pipeline of ${String(pipeline)} each`,
);
await inScratch('bench', async (scratch) => {
  const key = dkim === 1 ? newDkimKey() : undefined;
  say(key === undefined ? '  plain (--dkim signs)' : '  signed with DKIM, RSA 2048');
  await compete({
    bench: key === undefined ? 'e2e-bulk' : 'e2e-bulk-dkim',
    unit: 'mails/s',
    rounds,
    ours: { name: 'the whole service', turn: () => whole(scratch, key) },
    rivals: [{ name: 'transport and render alone', goal: 0.5, turn: () => alone(key) }],
  });
});
