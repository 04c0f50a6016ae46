import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The double in a process of its own, as a server is: what it does costs the one who measures nothing. */
export async function startDoubleProcess(): Promise<{ readonly url: string; readonly pid: number; readonly close: () => void }> {
  const child = fork(fileURLToPath(new URL('doubleInChild.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { readonly url: string }).url));
    child.once('exit', () => reject(new Error('the double of EventStoreDB ended')));
  });
  return { url, pid: child.pid ?? 0, close: () => child.disconnect() };
}
