import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { greetsAs } from '../support/smtpLedger.ts';
import type { Counted } from './mailCounterProcess.ts';

/** A mail server that takes mails, counts them and throws them away. */
export type MailCounter = {
  readonly port: number;
  /** Of all time, as heard some 10 ms ago. */
  readonly mails: () => number;
  /** Different recipients. */
  readonly people: () => number;
  readonly close: () => Promise<void>;
};

/** @throws unless the server at its port greets with the name that was given to ours. */
export async function startMailCounter(): Promise<MailCounter> {
  const name = `counter-${randomBytes(8).toString('hex')}`;
  const child = fork(fileURLToPath(new URL('mailCounterProcess.ts', import.meta.url)), [name]);
  let [mails, people] = [0, 0];
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the mail server did not start')));
    child.on('message', (said: Counted) => {
      if ('port' in said) resolve(said.port);
      else [mails, people] = [said.mails, said.people];
    });
  });
  if (!(await greetsAs(name, port))) throw new Error('the mail server that answers is not the one that was started');
  return {
    port,
    mails: () => mails,
    people: () => people,
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.disconnect();
      }),
  };
}
