import { expect, test } from 'vitest';
import { openMetrics } from '../../src/adapters/metrics/metrics.ts';
import { closing } from '../../src/compose/closing.ts';
import { startApiThread } from '../../src/compose/startApiThread.ts';
import type { PortError } from '../../src/domain/kernel/portError.ts';
import { parseConfig } from '../../src/config.ts';
import { openLog } from '../../src/adapters/logging/log.ts';
import { eventually } from '../support/client.ts';

const standIn = new URL('./apiStandIn.ts', import.meta.url);
const url = 'postgres://localhost/none';

function started(what: string) {
  const parsed = parseConfig({}, () => '');
  if ('problems' in parsed) throw new Error('the default configuration is wrong');
  const [lost, failed]: [string[], string[]] = [[], []];
  const opened = closing((name) => failed.push(name));
  const metrics = openMetrics({ process: false });
  const served = startApiThread(
    {
      config: parsed.config,
      places: { models: { url, migrationUrl: url }, keys: { url, migrationUrl: url }, log: undefined },
      about: { version: what, checkAnswers: false },
      metrics,
      log: openLog('silent'),
      lost: ({ code }: PortError) => lost.push(code),
    },
    opened,
    standIn,
  );
  return { served, opened, lost, failed, metrics };
}

test('the thread has the role of the API alone, is told that the other lives and what it measured, and closes when it is told to', async () => {
  const { served, opened, lost, failed, metrics } = started('serves');
  const measured = await metrics.registry.getMetricsAsJSON();
  expect(await served).toStrictEqual({ port: measured.length, url: '', localUrl: '', outboxLink: 'api' });
  expect([await opened.all(), lost, failed]).toStrictEqual([[], [], []]);
});

test('a thread that ends unasked is told of: nobody answers any more', async () => {
  const { served, lost } = started('ends');
  await served;
  await eventually('it is told', () => (lost.length > 0 ? true : undefined), { deadlineMs: 20_000 }).catch(() => undefined);
  expect(lost).toStrictEqual(['api_ended']);
});

test('what keeps it from starting is told as what it is, and as nothing else', async () => {
  const [refusing, ending] = [started('refuses'), started('ends early')];
  // Waited for together: the one may end before the other.
  await Promise.all([
    expect(refusing.served).rejects.toMatchObject({ kind: 'invalid', code: 'port_forbidden', message: 'is not for this user' }),
    expect(ending.served).rejects.toMatchObject({ kind: 'unavailable', code: 'api_ended' }),
  ]);
  expect([...(await refusing.opened.all()), ...refusing.lost, ...ending.lost]).toStrictEqual([]);
});

test('what did not close in it did not close', async () => {
  const { served, opened, failed } = started('does not close');
  await served;
  expect([await opened.all(), failed]).toStrictEqual([['api'], ['api']]);
});
