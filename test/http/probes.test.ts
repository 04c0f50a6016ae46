import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { PortError } from '../../src/domain/kernel/portError.ts';
import { probes } from '../../src/http/probes.ts';

/** A process in which whoever asks for its health meets this error. */
async function failingWith(error: Error) {
  const failed: unknown[] = [];
  const served: unknown[] = [];
  const server = createServer(
    probes({
      health: { live: () => Promise.reject(error), ready: () => Promise.reject(error) },
      metrics: { text: () => Promise.resolve({ type: 'text/plain', text: 'figures\n' }) },
      ids: { uuid: () => 'an-id' },
      log: { begin: () => (it) => void served.push(it), failed: (it) => void failed.push(it) },
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const get = (path: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}${path}`, init);
  return { get, failed, served };
}

test('what hangs is unavailable; what is a bug is told to the log and to nobody else', async () => {
  const silent = new PortError('unavailable', 'thread_silent', 'canary');
  const bug = new Error('canary');
  for (const [error, status, code, retry] of [
    [silent, 503, 'unavailable', '2'],
    [bug, 500, 'internal_error', null],
  ] as const) {
    const { get, failed, served } = await failingWith(error);
    const answer = await get('/health/live', { headers: { 'X-Request-Id': 'mine' } });
    const text = await answer.text();
    expect([answer.status, answer.headers.get('retry-after'), JSON.parse(text).code, text.includes('canary')]).toStrictEqual([
      status,
      retry,
      code,
      false,
    ]);
    expect([failed, served]).toStrictEqual([[error], [{ operation: 'live', method: 'GET', status, requestId: 'mine', code }]]);
  }
});

test('parameters and HEAD are taken as by the API; a body is not', async () => {
  const { get } = await failingWith(new Error('none'));
  const asked = await get('/metrics?from=prometheus');
  expect([asked.status, asked.headers.get('content-type'), await asked.text()]).toStrictEqual([200, 'text/plain', 'figures\n']);
  const head = await get('/metrics', { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toStrictEqual([200, '8', '']);
  const posted = await get('/metrics', { method: 'POST', body: 'x'.repeat(100_000) });
  expect([posted.status, posted.headers.get('allow')]).toStrictEqual([405, 'GET, HEAD']);
});
