import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { runCli } from '../../src/cli/cli.ts';
import type { Environment } from '../../src/config/settings.ts';
import { removeDataDirs } from './removeDataDirs.ts';

export type Ran = { readonly exit: number; readonly out: string; readonly err: string };

/** Runs `tidings …` in this process, with an environment of its own. */
export async function tidings(argv: readonly string[], env: Environment = {}, stdin = ''): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const exit = await runCli(argv, {
    env,
    stdin: (async function* () {
      yield stdin;
    })(),
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
  });
  return { exit, out: out.join(''), err: err.join('') };
}

export type Asked = { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: unknown };
export type FakeAnswer = { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };

/** A service that answers as told and remembers what it was asked; `hang`: it never answers. */
export async function fakeService(answer: (asked: Asked) => FakeAnswer | 'hang') {
  const asked: Asked[] = [];
  const server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const text = Buffer.concat(parts).toString();
      const it: Asked = {
        method: req.method ?? '',
        path: req.url ?? '',
        headers: req.headers,
        body: text === '' ? undefined : JSON.parse(text),
      };
      asked.push(it);
      const told = answer(it);
      if (told === 'hang') return;
      res.writeHead(told.status, { 'Content-Type': 'application/json', ...told.headers });
      res.end(typeof told.body === 'string' ? told.body : JSON.stringify(told.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** An empty directory that goes when the test has ended. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidings-cli-'));
  onTestFinished(() => {
    removeDataDirs(directory);
  });
  return directory;
}

/** A data directory as a running service leaves it. */
export function dataDirOf(service: { readonly url: string }, key = 'the-admin-key-of-this-directory'): string {
  const directory = scratch();
  writeFileSync(join(directory, 'service.json'), JSON.stringify({ url: service.url, pid: process.pid }), { mode: 0o600 });
  writeFileSync(join(directory, 'admin-key'), `${key}\n`, { mode: 0o600 });
  return directory;
}
