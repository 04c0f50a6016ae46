import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { eventStoreOfItsOwn, eventStoreServer, eventStoreUrl } from './eventStoreServer.ts';
import { startEventStoreDouble } from './eventstoredb/eventStoreDouble.ts';
import { eventStoreBinary, startEventStoreBinary } from './eventstoredb/ownProcess.ts';
import { inScratch } from './scratch.ts';

/** A program that answers what a server answers of itself, and names this directory as its own. */
const impostor = (data: string): string => `#!${process.execPath}
const { createServer } = require('node:http');
const { writeFileSync, mkdirSync } = require('node:fs');
const options = Object.fromEntries(process.argv.slice(2).map((each) => each.replace(/^--/, '').split('=')));
mkdirSync(options.db, { recursive: true });
writeFileSync(process.env.STARTS, String(process.pid) + ' ' + process.argv.slice(2).join(' ') + '\\n', { flag: 'a' });
createServer((request, response) => {
  const info = { state: 'leader', esVersion: '23.10.6.0' };
  response.end(JSON.stringify(request.url === '/info' ? info : [{ name: 'Db', value: ${data} }]));
}).listen(Number(options['node-port']), options['node-ip']);
`;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('where tests find an event store', () => {
  // None of them is a server that the suites ran against.
  beforeEach(() => vi.stubEnv('SERVERS_REPORT', ''));
  afterEach(() => vi.unstubAllEnvs());

  test.each([
    ['esdb://a:1?tls=false', 'esdb://a:1?tls=false'],
    ['kurrentdb://u:p@a:1,b:2?tls=true', 'esdb://u:p@a:1,b:2?tls=true'],
    ['kurrentdb+discover://a', 'esdb+discover://a'],
    ['postgres://a/b', undefined],
    ['', undefined],
  ])('EVENT_STORE_URL %s', (url, found) => {
    vi.stubEnv('EVENT_STORE_URL', url);
    expect(eventStoreUrl()).toBe(found);
  });

  test('where EVENT_STORE_URL says, which is real and not ours to stop', async () => {
    const double = await startEventStoreDouble({ version: '24.2.0' });
    vi.stubEnv('EVENT_STORE_URL', double.url);
    const { close, ...server } = await eventStoreServer();
    expect(server).toStrictEqual({ name: 'EventStoreDB 24.2.0 (EVENT_STORE_URL)', real: true, version: '24.2.0', url: double.url });
    await close();
    // Who stops and starts it has one of its own.
    vi.stubEnv('PATH', '');
    const own = await eventStoreOfItsOwn();
    expect([own.real, own.url === double.url, typeof own.process?.stop]).toStrictEqual([false, false, 'function']);
    await own.close();
    await double.close();
  });

  test('nowhere: then the double stands in, and says so', async () => {
    vi.stubEnv('EVENT_STORE_URL', '');
    vi.stubEnv('PATH', '');
    const server = await eventStoreServer({ version: '23.10.1' });
    expect([server.name, server.real, server.double?.url]).toStrictEqual(['the double of EventStoreDB 23.10.1', false, server.url]);
    await server.close();
  });

  test('on PATH, under any of its three names, of which the oldest comes first', async () => {
    await inScratch('eventstore-path', async (scratch) => {
      vi.stubEnv('PATH', `/nowhere:${scratch}`);
      expect(eventStoreBinary()).toBe(undefined);
      for (const name of ['kurrentd', 'eventstored', 'EventStore.ClusterNode']) {
        writeFileSync(join(scratch, name), '');
        expect(eventStoreBinary()).toBe(join(scratch, name));
      }
      return Promise.resolve();
    });
  });

  const withBinary = (text: string, work: (binary: string, starts: () => readonly string[][]) => Promise<void>): Promise<void> =>
    inScratch('eventstore-binary', async (scratch) => {
      const [binary, log] = [join(scratch, 'eventstored'), join(scratch, 'starts')];
      vi.stubEnv('STARTS', log);
      writeFileSync(binary, text);
      chmodSync(binary, 0o755);
      await work(binary, () =>
        readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split(' ')),
      );
    });

  test('one that is started is on loopback and on disk, comes back with its data, and is gone with its directory', async () => {
    await withBinary(impostor('options.db'), async (binary, starts) => {
      const own = await startEventStoreBinary(binary);
      const [[pid, ...args] = []] = starts();
      const data = args.find((arg) => arg.startsWith('--db='))?.slice(5) ?? '';
      expect(args).toEqual(
        expect.arrayContaining(['--insecure=true', '--mem-db=false', '--node-ip=127.0.0.1', '--replication-ip=127.0.0.1']),
      );
      expect(own.url).toMatch(/^esdb:\/\/127\.0\.0\.1:\d+\?tls=false$/);
      await own.stop();
      expect([isAlive(Number(pid)), existsSync(data)]).toStrictEqual([false, true]);
      await own.start();
      const again = starts()[1] ?? [];
      expect(again.slice(1)).toStrictEqual(args);
      await own.close();
      expect([isAlive(Number(again[0])), existsSync(data)]).toStrictEqual([false, false]);
    });
  });

  test('one that is not the one that was started is not written to', async () => {
    await withBinary(impostor(`'/var/lib/eventstore'`), async (binary, starts) => {
      await expect(startEventStoreBinary(binary)).rejects.toThrow('not the one this test run started');
      expect(isAlive(Number(starts()[0]?.[0]))).toBe(false);
    });
  });

  test('one that ends while it starts is no server', async () => {
    await withBinary(`#!${process.execPath}\n`, async (binary) => {
      await expect(startEventStoreBinary(binary)).rejects.toThrow('ended while it started');
    });
  });
});
