import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { greetsAs } from './smtpLedger.ts';

/** One message that the other side took for delivery. */
export type Taken = { readonly by: 'smtp' | 'keyed'; readonly to: string };
export type ToSink = { readonly flush: number };
export type FromSink =
  | { readonly smtpPort: number; readonly httpPort: number }
  | { readonly taken: readonly Taken[]; readonly asked: number }
  | { readonly flushed: number };

/** The mail server and the provider with keys of a run, and the ledger of what they took. */
export type Sink = {
  readonly smtpPort: number;
  /** Takes `[{key, to}]` by POST; answers its nonce. */
  readonly keyedUrl: string;
  readonly nonce: string;
  /** Deliveries by recipient, as far as has been heard: `flush` makes it all. */
  readonly taken: ReadonlyMap<string, number>;
  readonly count: () => number;
  /** How often the provider with keys was asked. */
  readonly asked: () => number;
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** @throws unless the servers at these ports greet with the name that this run gave them. */
export async function checkSink({ smtpPort, keyedUrl, nonce }: Pick<Sink, 'smtpPort' | 'keyedUrl' | 'nonce'>): Promise<void> {
  const name = await fetch(keyedUrl).then((answer) => answer.text());
  if (!(await greetsAs(nonce, smtpPort)) || name !== nonce) throw new Error('the sink that answers is not the one this run started');
}

export async function startSink(): Promise<Sink> {
  const nonce = `sink-${randomBytes(8).toString('hex')}`;
  const child = fork(fileURLToPath(new URL('sinkProcess.ts', import.meta.url)), [nonce], { execArgv: ['--import', 'tsx'] });
  const taken = new Map<string, number>();
  const flushed = new Map<number, () => void>();
  let [count, asked, flushes] = [0, 0, 0];
  const ports = await new Promise<{ readonly smtpPort: number; readonly httpPort: number }>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the sink did not start')));
    child.on('message', (message: FromSink) => {
      if ('smtpPort' in message) resolve(message);
      else if ('taken' in message) {
        count += message.taken.length;
        asked = message.asked;
        for (const { to } of message.taken) taken.set(to, (taken.get(to) ?? 0) + 1);
      } else flushed.get(message.flushed)?.();
    });
  });
  const sink = { smtpPort: ports.smtpPort, keyedUrl: `http://127.0.0.1:${String(ports.httpPort)}/`, nonce };
  await checkSink(sink);
  return {
    ...sink,
    taken,
    count: () => count,
    asked: () => asked,
    flush: () =>
      new Promise((resolve) => {
        flushes += 1;
        flushed.set(flushes, resolve);
        child.send({ flush: flushes } satisfies ToSink);
      }),
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.disconnect();
      }),
  };
}
