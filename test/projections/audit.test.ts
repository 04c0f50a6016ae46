import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { auditRecorder } from '../../src/commands/audit.ts';
import type { AccessEntry } from '../../src/domain/audit/events.ts';
import type { SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { auditProjection } from '../../src/projections/audit/projection.ts';
import { auditPage, type AuditFilter } from '../../src/projections/audit/queries.ts';
import { ACME, openHouse, type House } from '../support/house.ts';
import { bothWays, openReadModel, V1, type ReadModel } from '../support/readModel.ts';

let model: ReadModel;
let house: House;
const ana = 'A'.repeat(22) as SubjectId;
const at = (time: string): Instant => `2026-11-21T${time}:00.000Z` as Instant;
const entry = (time: string, action: string, more: Partial<AccessEntry> = {}): AccessEntry => ({
  at: at(time),
  actor: { kind: 'key', id: 'k1' },
  action,
  resource: `recipient/${ana}`,
  requestId: 'r1',
  ...more,
});
beforeAll(async () => {
  model = await openReadModel(auditProjection);
});
afterAll(() => model.close());
beforeEach(async () => {
  await model.clear();
  house = await openHouse();
  const audit = auditRecorder({ ...house, lost: () => undefined });
  await Promise.all([
    audit.access(ACME, entry('10:00', 'recipient.read', { subject: ana })),
    audit.access(ACME, entry('10:01', 'recipient.list', { resource: 'recipients' })),
  ]);
  await audit.administration(ACME, entry('10:02', 'settings.change', { actor: { kind: 'user', id: 'bo' }, resource: 'settings' }));
  audit.rejected(ACME, { ...entry('10:03', 'recipient.erase', { subject: ana }), code: 'forbidden' });
  audit.rejected('beta' as TenantId, { ...entry('10:04', 'recipient.read'), code: 'forbidden' });
  await audit.drain();
});
const ask = (filter: AuditFilter) =>
  model.asTenant(ACME, async (tx) =>
    (await auditPage(tx, V1, { tenant: ACME, ...filter }, { limit: 10 })).rows.map(({ action }) => action),
  );

test('each event twice comes to the same rows as one batch', async () => {
  const { once, again, singly } = await bothWays(model, await house.recorded());
  expect(again).toStrictEqual(once);
  expect(singly).toStrictEqual(once);
  expect(once['audit_entries']).toHaveLength(5);
});

test('entries are found by who, what, whom and when, newest first', async () => {
  await model.apply(await house.recorded());
  expect(await ask({})).toStrictEqual(['recipient.erase', 'settings.change', 'recipient.list', 'recipient.read']);
  expect(await ask({ actor: 'bo' })).toStrictEqual(['settings.change']);
  expect(await ask({ action: 'recipient.list' })).toStrictEqual(['recipient.list']);
  expect(await ask({ resource: 'settings' })).toStrictEqual(['settings.change']);
  expect(await ask({ subject: ana })).toStrictEqual(['recipient.erase', 'recipient.read']);
  expect(await ask({ since: at('10:01'), until: at('10:02') })).toStrictEqual(['settings.change', 'recipient.list']);
  expect(await ask({ actor: 'k1', subject: ana, until: at('10:00') })).toStrictEqual(['recipient.read']);
});

test('an entry says all that was recorded of it', async () => {
  await model.apply(await house.recorded());
  const { rows } = await model.asTenant(ACME, (tx) => auditPage(tx, V1, { tenant: ACME, action: 'recipient.erase' }, { limit: 10 }));
  expect(rows).toStrictEqual([
    {
      kind: 'rejection',
      ...entry('10:03', 'recipient.erase', { subject: ana }),
      code: 'forbidden',
      position: (await house.recorded()).findLast(({ stream }) => stream.startsWith('audit-acme'))?.position,
    },
  ]);
});

test('pages go on where the one before ended, also within one event', async () => {
  await model.apply(await house.recorded());
  const seen: string[] = [];
  let place: string | null = '';
  for (let pages = 0; place !== null && pages < 10; pages++) {
    const from: string = place;
    const page = await model.asTenant(ACME, (tx) => auditPage(tx, V1, { tenant: ACME }, { limit: 1, ...(from !== '' && { place: from }) }));
    seen.push(...page.rows.map(({ action }) => action));
    place = page.next;
  }
  expect(seen).toStrictEqual(['recipient.erase', 'settings.change', 'recipient.list', 'recipient.read']);
});
