import { describe, expect, test } from 'vitest';
import { auditRecorder, MAX_WAITING } from '../../src/commands/audit.ts';
import type { EventLog, EventWrite } from '../../src/commands/ports.ts';
import type { AccessEntry } from '../../src/domain/audit/events.ts';
import { PortError } from '../../src/domain/kernel/portError.ts';
import type { SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { ACME, openHouse } from '../support/house.ts';

const entry = (action: string, at = '2026-11-21T10:00:00.000Z'): AccessEntry => ({
  at: at as Instant,
  actor: { kind: 'key', id: 'k1' },
  action,
  resource: 'recipient/x',
  requestId: 'r1',
});
const noneLost = (): void => {
  throw new Error('lost');
};

test('entries that come together share an append, by tenant and day, and resolve once they are durable', async () => {
  const house = await openHouse();
  const appends: (readonly EventWrite[])[] = [];
  const log: EventLog = {
    read: (streams) => house.log.read(streams),
    append: (writes) => {
      appends.push(writes);
      return house.log.append(writes);
    },
  };
  const audit = auditRecorder({ ...house, log, lost: noneLost });
  await Promise.all([
    audit.access(ACME, entry('recipient.read')),
    audit.access(ACME, entry('recipient.list')),
    audit.administration(ACME, entry('settings.change')),
    audit.access('beta' as TenantId, entry('recipient.read')),
    audit.access(ACME, entry('recipient.read', '2026-11-22T00:00:00.000Z')),
  ]);
  expect(appends.map((writes) => writes.map(({ stream, at }) => `${stream} ${String(at)}`))).toStrictEqual([
    ['audit-acme_2026-11-21 absent', 'audit-beta_2026-11-21 absent', 'audit-acme_2026-11-22 absent'],
  ]);
  expect((await house.recorded()).map(({ stream, revision, event }) => ({ stream, revision, event }))).toStrictEqual([
    {
      stream: 'audit-acme_2026-11-21',
      revision: 0,
      event: { type: 'AccessRecorded', data: { entries: [entry('recipient.read'), entry('recipient.list')] } },
    },
    {
      stream: 'audit-acme_2026-11-21',
      revision: 1,
      event: { type: 'AdministrationRecorded', data: { entries: [entry('settings.change')] } },
    },
    { stream: 'audit-beta_2026-11-21', revision: 0, event: { type: 'AccessRecorded', data: { entries: [entry('recipient.read')] } } },
    {
      stream: 'audit-acme_2026-11-22',
      revision: 0,
      event: { type: 'AccessRecorded', data: { entries: [entry('recipient.read', '2026-11-22T00:00:00.000Z')] } },
    },
  ]);
});

test('two processes write to the same day without reading it and without losing anything', async () => {
  const house = await openHouse();
  const log: EventLog = { append: (writes) => house.log.append(writes), read: () => Promise.reject(new Error('the audit is never read')) };
  const one = auditRecorder({ ...house, log, lost: noneLost });
  const two = auditRecorder({ ...house, log, lost: noneLost });
  for (let n = 0; n < 5; n++) {
    await Promise.all([one.access(ACME, entry(`one.${String(n)}`)), two.access(ACME, entry(`two.${String(n)}`))]);
  }
  const actions = (await house.events()).flatMap(({ data }) =>
    (data as { entries: readonly AccessEntry[] }).entries.map(({ action }) => action),
  );
  expect(actions.toSorted()).toStrictEqual(
    [0, 1, 2, 3, 4].map((n) => `one.${String(n)}`).concat([0, 1, 2, 3, 4].map((n) => `two.${String(n)}`)),
  );
});

test('an access that could not be recorded is refused; a refusal that could not be is counted', async () => {
  const house = await openHouse();
  const down = new PortError('unavailable', 'append_timeout', 'no answer');
  const log: EventLog = {
    read: (streams) => house.log.read(streams),
    append: (writes) => Promise.resolve(writes.map(() => ({ ok: false, conflict: false, error: down }))),
  };
  const lost: unknown[] = [];
  const audit = auditRecorder({ ...house, log, lost: (count, error) => lost.push([count, error]) });
  await expect(audit.access(ACME, entry('recipient.read'))).rejects.toBe(down);
  audit.rejected(ACME, { ...entry('notification.request'), code: 'validation_failed' });
  await audit.drain();
  await Promise.resolve();
  expect(lost).toStrictEqual([[1, down]]);
});

test('what waits is bounded, and after a failure the recorder goes on', async () => {
  const house = await openHouse();
  let fail = true;
  const log: EventLog = {
    read: (streams) => house.log.read(streams),
    append: (writes) => (fail ? Promise.reject(new PortError('unavailable', 'closed', 'closed')) : house.log.append(writes)),
  };
  const audit = auditRecorder({ ...house, log, lost: noneLost });
  const all = await Promise.allSettled([...Array(MAX_WAITING + 1).keys()].map(() => audit.access(ACME, entry('recipient.read'))));
  const codes = all.map((it) => (it.status === 'rejected' ? (it.reason as PortError).code : 'written'));
  expect([codes.filter((it) => it === 'closed').length, codes.at(-1)]).toStrictEqual([MAX_WAITING, 'audit_overloaded']);
  fail = false;
  await audit.access(ACME, entry('recipient.read'));
  expect(await house.events()).toHaveLength(1);
});

describe('entries that name many people', () => {
  const many = (count: number) => ({
    ...entry('requestNotification'),
    code: 'no_recipient_accepted',
    refused: {
      type: 'welcome',
      people: [...Array(count).keys()].map((index) => ({
        index,
        subject: 'S'.repeat(22) as SubjectId,
        code: 'invalid_variables',
        detail: 'd'.repeat(200),
      })),
    },
  });

  test('go in appends that the log takes', async () => {
    const house = await openHouse();
    const audit = auditRecorder({ ...house, lost: noneLost });
    for (let n = 0; n < 9; n++) audit.rejected(ACME, many(500));
    await audit.access(ACME, entry('getRecipient'));
    const counts = (await house.events()).map(({ data }) => (data as { entries: readonly object[] }).entries.length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(Math.max(...counts)).toBe(1);
  });

  test('leave room for those who wait for theirs', async () => {
    const house = await openHouse();
    const lost: unknown[] = [];
    const audit = auditRecorder({ ...house, lost: (count, error) => lost.push([count, (error as PortError).code]) });
    for (let n = 0; n < 50; n++) audit.rejected(ACME, many(500));
    await audit.access(ACME, entry('getRecipient'));
    await audit.drain();
    expect(lost.length).toBe(40);
    expect(new Set(lost.map(String))).toStrictEqual(new Set(['1,audit_overloaded']));
    audit.rejected(ACME, many(500));
    await audit.drain();
    expect(lost.length).toBe(40);
  });
});
