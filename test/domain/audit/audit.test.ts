import { test } from 'vitest';
import { audit } from '../../../src/domain/audit/audit.ts';
import type { AccessEntry } from '../../../src/domain/audit/events.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import { scenario } from '../../support/given.ts';

const entry = (action: string): AccessEntry => ({
  at: '2026-11-21T10:00:00.000Z' as Instant,
  actor: { kind: 'key', id: 'k1' },
  action,
  resource: 'recipient/x',
  requestId: 'r1',
});
const { when } = scenario(audit);

test('entries of one kind share an event, in the order in which they came; kinds that did not come have none', () => {
  when({
    type: 'RecordEntries',
    data: {
      entries: [
        { kind: 'rejection', entry: { ...entry('notification.request'), code: 'category_conflict' } },
        { kind: 'access', entry: entry('recipient.read') },
        { kind: 'access', entry: entry('recipient.list') },
      ],
    },
  }).then(
    { type: 'AccessRecorded', data: { entries: [entry('recipient.read'), entry('recipient.list')] } },
    { type: 'CommandRejected', data: { entries: [{ ...entry('notification.request'), code: 'category_conflict' }] } },
  );
});

test('nothing to record is nothing recorded', () => {
  when({ type: 'RecordEntries', data: { entries: [] } }).thenNothing();
});
