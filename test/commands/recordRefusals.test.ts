import { expect, test } from 'vitest';
import { recordRefusals } from '../../src/commands/recordRefusals.ts';
import type { SubjectId } from '../../src/domain/values/ids.ts';
import { caller, openHouse, START } from '../support/house.ts';

const house = await openHouse();
const people = await house.subjects.resolve(caller().tenant, [{ recipientId: 'ana' }, { recipientId: 'bo' }]);
const [ana, bo] = people as readonly SubjectId[];

async function recorded(refused: Parameters<ReturnType<typeof recordRefusals>>[1]['refused'], more = {}): Promise<unknown> {
  const entries: unknown[] = [];
  recordRefusals({ rejected: (tenant, entry) => void entries.push([tenant, entry]) }, house.clock)(caller(more), {
    type: 'welcome',
    refused,
  });
  return entries;
}
const entry = {
  at: START,
  actor: caller().actor,
  action: 'requestNotification',
  resource: 'notifications',
  requestId: 'correlation',
  code: 'no_recipient_accepted',
};

test('a refused request is recorded with those whose names could be read, and no detail without end', async () => {
  const refused = [
    { index: 0, code: 'invalid_email', detail: 'write it as local@domain', subject: ana! },
    { index: 1, code: 'invalid_phone', detail: 'with its country' },
    { index: 2, code: 'invalid_variables', detail: 'x'.repeat(500), subject: bo! },
  ];
  const people = [
    { index: 0, subject: ana, code: 'invalid_email', detail: 'write it as local@domain' },
    { index: 2, subject: bo, code: 'invalid_variables', detail: 'x'.repeat(200) },
  ];
  expect(await recorded(refused, { requestId: 'r-1' })).toStrictEqual([
    ['acme', { ...entry, requestId: 'r-1', refused: { type: 'welcome', people } }],
  ]);
});

test('of one person the entry is theirs; of nobody who can be named it is a plain refusal', async () => {
  const one = { index: 0, code: 'invalid_email', detail: 'd' };
  expect(await recorded([{ ...one, subject: ana! }])).toStrictEqual([
    ['acme', { ...entry, subject: ana, refused: { type: 'welcome', people: [{ ...one, subject: ana }] } }],
  ]);
  expect(await recorded([one])).toStrictEqual([['acme', entry]]);
});
