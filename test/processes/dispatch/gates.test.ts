import { beforeEach, describe, expect, test } from 'vitest';
import type { NotificationId } from '../../../src/domain/values/ids.ts';
import { plusMs, type Instant } from '../../../src/domain/values/instant.ts';
import { streamOf } from '../../../src/domain/values/streams.ts';
import type { memoryKeys } from '../../support/memoryKeys.ts';
import { ACME, START } from '../../support/house.ts';
import { openDispatch, type DispatchBench } from '../../support/dispatchBench.ts';
import { fakeProvider } from '../../support/fakeProvider.ts';
import { workOf } from '../../support/memoryActions.ts';

let bench: DispatchBench;
beforeEach(async () => {
  bench = await openDispatch();
});
const codes = async (id: NotificationId) =>
  Object.fromEntries([...(await bench.state(id)).deliveries].map(([n, it]) => [n, `${it.status} ${it.code ?? ''}`.trim()]));
const sentTo = (): readonly string[] => bench.provider.ledger.map(({ message }) => message.to);

test('whose facts are behind, waits: nothing is sent, nor decided against them, and others go on', async () => {
  const parked = streamOf('recipient', ACME, await bench.subject('p0'));
  bench.parked.add(parked);
  const id = await bench.request({ people: [{ name: 'p0', person: null }, { name: 'p1' }] });
  await bench.drain();
  expect(await codes(id)).toStrictEqual({ 0: 'deferred facts_unavailable', 8: 'sent' });
  const untilOf = async () => (await bench.state(id)).deliveries.get(0)?.until;
  expect(await untilOf()).toBe(plusMs(START, 60_000));
  bench.house.clock.advance(3_600_000);
  await bench.drain();
  expect(await untilOf()).toBe(plusMs(START, 3_600_000 + 360_000));
  bench.parked.delete(parked);
  await bench.profile('p0', { email: 'p0@example.com' });
  await bench.onwards();
  expect(await codes(id)).toStrictEqual({ 0: 'sent facts_unavailable', 8: 'sent' });
});

describe('a schedule', () => {
  test('in each recipient’s zone lets everyone have it at their own time', async () => {
    const schedule = { local: '2026-11-22T09:00', timeZone: 'recipient' };
    const people = [
      { name: 'auckland', person: { email: 'a@example.com', timeZone: 'Pacific/Auckland' } },
      { name: 'vienna', person: { email: 'v@example.com', timeZone: 'Europe/Vienna' } },
      { name: 'unknown', person: { email: 'u@example.com' } },
      { name: 'honolulu', person: null },
    ];
    await bench.profile('honolulu', { email: 'h@example.com', timeZone: 'Pacific/Honolulu' });
    const id = await bench.request({
      people,
      terms: { schedule, expiresAfterMs: 3_600_000 },
      data: { planAt: '2026-11-21T19:00:00.000Z' as Instant },
    });
    await bench.drain();
    expect(bench.provider.ledger).toStrictEqual([]);
    await bench.onwards();
    // Planned when the first on Earth could be due: from then on each waits for their own instant.
    expect(workOf(bench.actions.rows())).toStrictEqual([
      'plan 0 2026-11-21T20:00:00.000Z',
      'plan 16 2026-11-22T09:00:00.000Z',
      'plan 24 2026-11-22T19:00:00.000Z',
      'plan 8 2026-11-22T08:00:00.000Z',
    ]);
    expect(await codes(id)).toStrictEqual({
      0: 'deferred scheduled',
      8: 'deferred scheduled',
      16: 'deferred scheduled',
      24: 'deferred scheduled',
    });
    const went: string[] = [];
    bench.provider.script = ({ message }) => {
      went.push(`${message.to} ${bench.house.clock.now()}`);
      return undefined;
    };
    await bench.onwards(4);
    expect(went).toStrictEqual([
      'a@example.com 2026-11-21T20:00:00.000Z',
      'v@example.com 2026-11-22T08:00:00.000Z',
      'u@example.com 2026-11-22T09:00:00.000Z',
      'h@example.com 2026-11-22T19:00:00.000Z',
    ]);
  });

  test('that is moved is kept to, and what expires so long after it may go moves with it', async () => {
    const at = plusMs(START, 3_600_000);
    const id = await bench.request({ terms: { schedule: { at }, expiresAfterMs: 60_000 }, data: { planAt: at } });
    await bench.consume();
    const moved = plusMs(START, 86_400_000);
    await bench.command(id, { type: 'RescheduleNotification', data: { now: START, schedule: { at: moved }, planAt: moved } });
    await bench.consume();
    expect(workOf(bench.actions.rows())).toStrictEqual([`plan 0 ${moved}`]);
    await bench.onwards();
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
  });

  test('by a clock that is a little behind the database’s is not found too early', async () => {
    const at = plusMs(START, 60_000);
    const id = await bench.request({ terms: { schedule: { at } }, data: { planAt: at } });
    await bench.consume();
    bench.house.clock.set(at);
    const claim = bench.actions.claim('plan');
    const behind = await openDispatch();
    behind.house.clock.set(plusMs(START, 59_990));
    // The same effect, asked at 10 ms to.
    bench.ports.clock.now = () => plusMs(START, 59_990);
    await bench.effect(claim!, new AbortController().signal);
    expect(await bench.statuses(id)).toStrictEqual({ 0: 'sent' });
  });
});

describe('what has expired', () => {
  test('is suppressed when its turn comes', async () => {
    const id = await bench.request({ terms: { expiresAt: plusMs(START, 60_000) } });
    bench.house.clock.advance(60_000);
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 0: 'suppressed expired' });
  });
  test('while it was tried again, is not tried any more', async () => {
    const id = await bench.request({ terms: { expiresAfterMs: 4_000 } });
    bench.provider.script = () => ({ outcome: 'refused', kind: 'transient', code: 'no' });
    await bench.drain();
    await bench.onwards();
    expect(await codes(id)).toStrictEqual({ 0: 'suppressed expired' });
    expect(bench.provider.calls).toStrictEqual([1]);
  });
});

describe('a dedup key', () => {
  const dedup = { key: 'hashed' as never, windowMs: 3_600_000 };
  const ask = () => bench.request({ terms: { dedup } });

  test('lets one message through within its window, and the next after it', async () => {
    const [first, second] = [await ask(), await ask()];
    await bench.drain();
    expect([await codes(first), await codes(second)]).toStrictEqual([{ 0: 'sent' }, { 0: 'suppressed duplicate' }]);
    bench.house.clock.advance(3_600_000);
    const third = await ask();
    await bench.drain();
    expect(await codes(third)).toStrictEqual({ 0: 'sent' });
  });
  test('counts per person and channel', async () => {
    const person = { email: 'p0@example.com', phone: '+4366412345678' };
    const id = await bench.request({
      people: [
        { name: 'p0', person },
        { name: 'p1', person },
      ],
      terms: { dedup, channels: ['email', 'sms'] },
    });
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 0: 'sent', 1: 'sent', 8: 'sent', 9: 'sent' });
  });
  test('is kept by a delivery through its retries', async () => {
    const first = await ask();
    let tries = 0;
    bench.provider.script = () => (++tries === 1 ? { outcome: 'refused', kind: 'transient', code: 'no' } : undefined);
    await bench.drain();
    const second = await ask();
    await bench.drain();
    await bench.onwards();
    expect([await codes(first), await codes(second)]).toStrictEqual([{ 0: 'sent no' }, { 0: 'suppressed duplicate' }]);
  });
  test.each(['has failed', 'was cancelled'])('is free for the next when the delivery that had it %s', async (how) => {
    const first = await ask();
    bench.provider.script = () => ({ outcome: 'refused', kind: how === 'has failed' ? 'permanent' : 'transient', code: 'no' });
    await bench.drain();
    if (how === 'was cancelled') await bench.command(first, { type: 'CancelNotification', data: { now: START } });
    bench.provider.script = () => undefined;
    const second = await ask();
    await bench.drain();
    expect(await codes(second)).toStrictEqual({ 0: 'sent' });
  });
  test('is not held for ever by what was cancelled while it was being reserved', async () => {
    const first = await ask();
    bench.beforeAppend = async (_, nth) => {
      if (nth === 0) await bench.command(first, { type: 'CancelNotification', data: { now: START } });
    };
    await bench.work('plan');
    expect(await bench.statuses(first)).toStrictEqual({ 0: 'cancelled' });
    expect(bench.told.dropped).toStrictEqual([['conflict', 1]]);
    expect(bench.reservations.held.size).toBe(1);
    const second = await ask();
    await bench.drain();
    expect(await codes(second)).toStrictEqual({ 0: 'sent' });
  });
  test('of an unknown outcome counts as used', async () => {
    const first = await bench.request({ terms: { dedup, unknownOutcome: 'hold' } });
    bench.provider.script = () => ({ outcome: 'unknown', code: 'timeout' });
    await bench.drain();
    const second = await ask();
    await bench.drain();
    expect([await codes(first), await codes(second)]).toStrictEqual([{ 0: 'unknown timeout' }, { 0: 'suppressed duplicate' }]);
  });
  test('that another took over is not the redriven one’s any more', async () => {
    const first = await ask();
    bench.provider.script = () => ({ outcome: 'refused', kind: 'permanent', code: 'no' });
    await bench.drain();
    bench.provider.script = () => undefined;
    const second = await ask();
    await bench.drain();
    await bench.command(first, { type: 'RedriveDeliveries', data: { now: START } });
    await bench.drain();
    expect([await codes(first), await codes(second)]).toStrictEqual([{ 0: 'suppressed duplicate' }, { 0: 'sent' }]);
  });
  test('is not sought for a channel that is left', async () => {
    await bench.request({
      people: [{ name: 'p0', person: { email: 'p0@example.com', phone: '+4366412345678' } }],
      terms: { dedup, channels: ['email', 'sms'], routing: { method: 'first', until: 'accepted' } },
    });
    await bench.drain();
    expect([...bench.reservations.held.keys()]).toStrictEqual([`acme hashed ${await bench.subject('p0')} email`]);
  });
});

describe('the other gates', () => {
  test('an address that is not on the allowlist of this installation is not written to', async () => {
    bench = await openDispatch({ allowlist: (_, address) => address === 'p1@example.com' });
    const id = await bench.request({ people: 2 });
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 0: 'suppressed not_allowlisted', 8: 'sent' });
  });
  test('marketing reaches nobody without a recorded consent, but may be captured', async () => {
    const id = await bench.request({ terms: { class: 'marketing', category: 'marketing' } });
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 0: 'suppressed no_consent' });
    bench = await openDispatch({ provider: fakeProvider({ id: 'capture' }) });
    const captured = await bench.request({ terms: { class: 'marketing', category: 'marketing' } });
    await bench.drain();
    expect(await codes(captured)).toStrictEqual({ 0: 'sent' });
    expect((await bench.events(captured)).at(-1)).toMatchObject({ data: { results: [{ result: 'sent', captured: true }] } });
  });
  test('nobody can be written to without an address', async () => {
    const id = await bench.request({ people: [{ name: 'p0', person: null }] });
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 0: 'suppressed no_address' });
    expect(bench.appends()).toStrictEqual([['DeliveriesPlanned']]);
  });
  test('whoever has been erased is not written to, whatever was sealed for them', async () => {
    await bench.profile('p2', { email: 'p2@example.com' });
    const people = [
      { name: 'p0' },
      { name: 'p1', person: null, own: { variables: { name: 'x' } } },
      { name: 'p2', person: null },
      { name: 'p3' },
    ];
    const id = await bench.request({ people });
    for (const name of ['p0', 'p1', 'p2']) await erase(name);
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 0: 'suppressed erased', 8: 'suppressed erased', 16: 'suppressed erased', 24: 'sent' });
    expect(sentTo()).toStrictEqual(['p3@example.com']);
  });
  test('a message sealed as theirs alone is gone with them, though nothing else of theirs was ever kept', async () => {
    const id = await bench.request({
      people: [{ name: 'p0', person: null }],
      terms: { channels: ['in_app'] },
      content: { in_app: { title: 't', body: 'b' } },
      sole: true,
    });
    await erase('p0');
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 3: 'suppressed erased' });
  });
  const erase = async (name: string): Promise<void> => {
    const keys = bench.house.keys as ReturnType<typeof memoryKeys>;
    keys.rows.destroySubject(ACME, await bench.subject(name));
    keys.clear();
  };
});

describe('what is said', () => {
  const content = { email: { subject: '{{ greeting }} {{ recipient.name }}', text: '{{ who }} {{ recipient.plan }} {{ order }}' } };
  const said = () => bench.provider.ledger.map(({ message }) => (message.channel === 'email' ? [message.subject, message.text] : []));

  test('is the shared part, overlaid by each person’s own, and by nothing of what is merely known of them', async () => {
    await bench.profile('p0', { name: 'Ana Prohaska', attributes: { plan: 'gold', name: 'no name' } });
    const people = [
      { name: 'p0', person: { email: 'p0@example.com' } },
      { name: 'p1', person: { email: 'p1@example.com', name: 'Bo' }, own: { variables: { order: 'B-2', who: 'you' } } },
    ];
    await bench.request({ people, content, message: { variables: { greeting: 'Hi', who: 'all', order: 'A-1' } } });
    await bench.drain();
    expect(said()).toStrictEqual([
      ['Hi Ana Prohaska', 'all gold A-1'],
      ['Hi Bo', 'you  B-2'],
    ]);
  });
  test('a variable of the request’s own called recipient is the request’s', async () => {
    await bench.profile('p0', { name: 'Ana' });
    await bench.request({ content, message: { variables: { recipient: { name: 'Dear customer' } } } });
    await bench.drain();
    expect(said()).toStrictEqual([['Dear customer', '  ']]);
  });
  test('an address of the request beats the profile’s', async () => {
    await bench.profile('p0', { email: 'profile@example.com' });
    await bench.profile('p1', { email: 'profile@example.com' });
    await bench.request({ people: [{ name: 'p0' }, { name: 'p1', person: null }] });
    await bench.drain();
    expect(sentTo()).toStrictEqual(['p0@example.com', 'profile@example.com']);
  });
  test('is the template in the language of the person, or what it falls back to', async () => {
    bench.templates.set('hello 3', {
      locales: { de: { email: { subject: 'Hallo', text: 'x' } }, en: { email: { subject: 'Hello', text: 'x' } } },
      fallback: 'en',
    });
    const people = ['de-AT', 'fr', undefined].map((locale, at) => ({
      name: `p${String(at)}`,
      person: { email: `p${String(at)}@example.com`, ...(locale && { locale }) },
    }));
    const id = await bench.request({
      people,
      terms: { template: { key: 'hello', version: 3 } },
      content: {},
      message: { content: undefined as never },
    });
    await bench.drain();
    expect(said().map(([subject]) => subject)).toStrictEqual(['Hallo', 'Hello', 'Hello']);
    const started = (await bench.events(id)).flatMap((event) => (event.type === 'HandOffStarted' ? event.data.started : []));
    expect(started).toStrictEqual([
      { items: [0], attempt: 1, provider: 'smtp', locale: 'de' },
      { items: [8, 16], attempt: 1, provider: 'smtp', locale: 'en' },
    ]);
  });
  test('what does not render is a planned failure of that person alone', async () => {
    const loop = {
      email: { subject: 's', text: '{% for a in list %}{% for b in list %}{% for c in list %}x{% endfor %}{% endfor %}{% endfor %}' },
    };
    const people = [{ name: 'p0' }, { name: 'p1', own: { variables: { list: Array.from({ length: 400 }, () => 1) } } }];
    const id = await bench.request({ people, content: loop, message: { variables: { list: [1] } } });
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 0: 'sent', 8: 'failed template_budget_exceeded' });
  });
  test('comes with its files: those of all and one’s own', async () => {
    const ref = (id: string) => ({ id, sha256: 'x', size: 1, filename: `${id}.pdf`, contentType: 'application/pdf' });
    bench.files.set('shared', new Uint8Array([1])).set('own', new Uint8Array([2]));
    const people = [
      { name: 'p0', own: { attachments: [{ ...ref('own'), disposition: 'inline', contentId: 'c' } as const] } },
      { name: 'p1' },
      { name: 'p2', own: { attachments: [ref('lost')] } },
    ];
    const id = await bench.request({ people, message: { attachments: [ref('shared')] } });
    await bench.drain();
    expect(await codes(id)).toStrictEqual({ 0: 'sent', 8: 'sent', 16: 'failed attachment_missing' });
    expect(bench.provider.ledger.map(({ message }) => (message.channel === 'email' ? message.attachments : []))).toStrictEqual([
      [
        { filename: 'shared.pdf', contentType: 'application/pdf', content: new Uint8Array([1]) },
        { filename: 'own.pdf', contentType: 'application/pdf', content: new Uint8Array([2]), disposition: 'inline', contentId: 'c' },
      ],
      [{ filename: 'shared.pdf', contentType: 'application/pdf', content: new Uint8Array([1]) }],
    ]);
  });
});
