import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { eventually } from './client.ts';
import { freePorts } from './freePorts.ts';
import { onPath } from './onPath.ts';
import { ranAgainst } from './ranAgainst.ts';

export type SmtpSink = { readonly port: number; readonly count: () => number; readonly close: () => Promise<void> };

/** `smtp-sink` of Postfix, where it is on this machine. */
export const smtpSinkPath = (): string | undefined => onPath(['smtp-sink'], ['/usr/sbin']);

/** Starts it on a free port; it counts what it takes and throws it away. As root it needs somebody else to be. */
export async function smtpSink(path: string): Promise<SmtpSink> {
  ranAgainst({ part: 'SMTP', name: `smtp-sink of Postfix (${path})`, real: true });
  const [port = 0] = await freePorts(1);
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn(path, ['-c', ...user, `127.0.0.1:${String(port)}`, '1000'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = (): void => void child.kill('SIGKILL');
  process.once('exit', stop);
  let [said, taken] = ['', 0];
  const read = (chunk: Buffer): void => {
    said = (said + chunk.toString('latin1')).slice(-400);
    taken = Number([...said.matchAll(/mesg=(\d+)/g)].at(-1)?.[1] ?? taken);
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  await eventually('smtp-sink listens', async () => {
    if (child.exitCode !== null) throw new Error(`smtp-sink ended: ${said}`);
    return new Promise<true | undefined>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(undefined));
    });
  });
  return {
    port,
    count: () => taken,
    close: async () => {
      process.off('exit', stop);
      child.kill('SIGTERM');
      await ended;
    },
  };
}
