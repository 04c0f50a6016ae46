import { expect, test } from 'vitest';
import { type Log, type LogFields, openLog } from '../../../src/adapters/logging/log.ts';
import { PortError } from '../../../src/domain/kernel/portError.ts';

const CANARY = 'ana.canary@example.com';

function written(use: (log: Log) => void): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  use(openLog('debug', { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }));
  return lines;
}

test('ids, codes and counts are written', () => {
  const [line] = written((log) =>
    log.with({ tenant: 'acme' }).info('delivered', { notificationId: '0193-7', count: 3, route: '/v1/notifications/{id}' }),
  );
  expect({ ...line, time: undefined }).toStrictEqual({
    level: 'info',
    time: undefined,
    service: 'tidings',
    tenant: 'acme',
    notificationId: '0193-7',
    count: 3,
    route: '/v1/notifications/{id}',
    msg: 'delivered',
  });
});

test('a field without a name in the list is dropped, a value that could be an address is hidden', () => {
  const [line] = written((log) =>
    log.warn('odd', { email: CANARY, code: CANARY, subject: '+43 664 1234567', count: CANARY } as unknown as LogFields),
  );
  expect({ ...line, time: undefined }).toStrictEqual({
    level: 'warn',
    time: undefined,
    service: 'tidings',
    code: '[redacted]',
    subject: '[redacted]',
    msg: 'odd',
  });
});

test("a stranger's error is named by type, code and place, never by its words, nor is its cause", () => {
  const cause = Object.assign(new Error(`invalid input syntax: "${CANARY}"`), { code: '22P02', detail: CANARY });
  const lines = written((log) => {
    log.error('bug', { error: new TypeError(`cannot read ${CANARY}`) });
    log.error('refused', { error: new PortError('invalid', 'database_refused', 'the database answered SQLSTATE 22P02', { cause }) });
    log.error('thrown', { error: CANARY });
  });
  expect(JSON.stringify(lines)).not.toContain('canary');
  expect(lines.map(({ error }) => ({ ...(error as object), frames: undefined, cause: undefined }))).toStrictEqual([
    { type: 'TypeError', frames: undefined, cause: undefined },
    {
      type: 'PortError',
      kind: 'invalid',
      code: 'database_refused',
      message: 'the database answered SQLSTATE 22P02',
      frames: undefined,
      cause: undefined,
    },
    { type: 'string', frames: undefined, cause: undefined },
  ]);
  expect(lines[1]).toMatchObject({ error: { cause: { type: 'Error', code: '22P02' } } });
});
