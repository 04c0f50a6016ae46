import { expect, test } from 'vitest';
import { openLog } from '../../../src/adapters/logging/log.ts';
import { requestLog } from '../../../src/adapters/logging/requestLog.ts';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import { trusted } from '../../../src/domain/values/ids.ts';

function logged() {
  const lines: Record<string, unknown>[] = [];
  const observed: unknown[] = [];
  const log = openLog('debug', { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  return { lines, observed, requests: requestLog(log, (...figures) => void observed.push(figures)) };
}

test('what is down is a warning, and a bug an error', () => {
  const { lines, requests } = logged();
  requests.failed(new PortError('unavailable', 'database', 'the database does not answer'), 'r-1');
  requests.failed(new PortError('invalid', 'foreign_event', 'a stream holds an unknown event'), 'r-2');
  requests.failed(new TypeError('oops'), 'r-3');
  expect(lines.map(({ level, msg, requestId }) => [level, msg, requestId])).toStrictEqual([
    ['warn', 'a request was put off', 'r-1'],
    ['error', 'a request failed', 'r-2'],
    ['error', 'a request failed', 'r-3'],
  ]);
});

test('a request that is over is counted and told', () => {
  const { lines, observed, requests } = logged();
  const end = requests.begin();
  end({ operation: 'getDelivery', method: 'GET', status: 404, requestId: 'r-1', tenant: trusted('acme'), code: 'delivery_not_found' });
  expect(observed).toStrictEqual([['getDelivery', 404, expect.any(Number)]]);
  expect(lines).toMatchObject([
    { level: 'debug', msg: 'request', name: 'getDelivery', status: 404, code: 'delivery_not_found', tenant: 'acme' },
  ]);
});
