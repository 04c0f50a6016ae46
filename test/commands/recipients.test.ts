import { beforeEach, describe, expect, test } from 'vitest';
import { recipientCommands, type ProfileChange } from '../../src/commands/recipients.ts';
import { isSealed, type Sealed } from '../../src/domain/kernel/personal.ts';
import type { Profile, RecipientEvent } from '../../src/domain/recipient/events.ts';
import type { TenantId } from '../../src/domain/values/ids.ts';
import { ACME, caller, openHouse, START, type House } from '../support/house.ts';

let house: House;
let recipients: ReturnType<typeof recipientCommands>;
beforeEach(async () => {
  house = await openHouse();
  recipients = recipientCommands(house);
});
const put = (recipientId: string, profile: object, more: object = {}): ProfileChange => ({ recipientId, profile, ...more });
const events = async (): Promise<readonly RecipientEvent[]> => (await house.events()) as readonly RecipientEvent[];
async function profiles(): Promise<readonly Profile[]> {
  const sealed = (await events()).flatMap((it): Sealed[] => ('profile' in it.data && isSealed(it.data.profile) ? [it.data.profile] : []));
  return (await house.vault.open<Profile>(sealed)).map((it) => {
    if (it === 'erased') throw new Error('erased');
    return it.value;
  });
}

describe('a profile', () => {
  test('is sealed; the log names the person by subject and finds them by keyed hashes alone', async () => {
    const result = await recipients.change(
      caller(),
      put('ana@example.com', { email: 'Ana@Example.com', phone: '+43 664 1234567', tags: ['vip'] }),
    );
    const [subject] = await house.subjects.find(ACME, [{ recipientId: 'ana@example.com' }]);
    const [email, phone] = await house.indexes.hash(ACME, 'address', ['email:ana@example.com', 'sms:+436641234567']);
    const [tag] = await house.indexes.hash(ACME, 'tag', ['vip']);
    const [recorded] = await house.recorded();
    expect(result).toStrictEqual({ subject, version: 1, created: true, position: recorded?.position });
    expect(recorded?.stream).toBe(`recipient-acme_${String(subject)}`);
    const { profile, ...rest } = recorded?.event.data as { profile: Sealed };
    expect(rest).toStrictEqual({
      subject,
      version: 1,
      keys: { email: { hash: email, normalisation: 1 }, phone: { hash: phone, normalisation: 1 }, tags: [tag] },
      registeredAt: START,
    });
    expect(profile).toMatchObject({ subject, class: 'identity', tenant: 'acme' });
    expect(JSON.stringify(await house.recorded())).not.toMatch(/ana@|Ana@|6641234567|"vip"/);
    expect(await profiles()).toStrictEqual([{ email: 'Ana@example.com', phone: '+436641234567', attributes: {}, tags: ['vip'] }]);
  });

  test('is merged by PATCH with what is sealed in the log, and replaced by PUT', async () => {
    await recipients.change(caller(), put('u1', { email: 'a@example.com', name: 'Ana', attributes: { plan: 'gold', n: 1 } }));
    await recipients.change(caller(), { recipientId: 'u1', patch: { name: null, attributes: { plan: 'silver' } } });
    const result = await recipients.change(caller(), put('u1', { locale: 'de-AT' }));
    expect(result).toMatchObject({ version: 3, created: false });
    expect((await profiles()).slice(1)).toStrictEqual([
      { email: 'a@example.com', attributes: { plan: 'silver', n: 1 }, tags: [] },
      { locale: 'de-AT', attributes: {}, tags: [] },
    ]);
    expect((await events()).at(-1)?.data).toMatchObject({ keys: { tags: [] } });
  });

  test('that stays as it is records nothing, by PUT and by PATCH', async () => {
    await recipients.change(caller(), put('u1', { email: 'A@Example.com', tags: ['b', 'a'] }));
    expect(await recipients.change(caller(), put('u1', { email: 'A@example.COM', tags: ['a', 'b', 'a'] }))).toMatchObject({
      version: 1,
      created: false,
    });
    expect(await recipients.change(caller(), { recipientId: 'u1', patch: {} })).toMatchObject({ version: 1 });
    expect(await events()).toHaveLength(1);
  });

  test('a patch makes a person who is not there', async () => {
    expect(await recipients.change(caller(), { recipientId: 'u1', patch: { name: 'Ana' } })).toMatchObject({ version: 1, created: true });
  });

  test('that cannot be parsed is refused with the member that is wrong, and nothing is recorded', async () => {
    expect(await recipients.change(caller(), put('u1', { email: 'nobody' }))).toMatchObject({ rejected: 'invalid_email', path: '/email' });
    expect(await events()).toStrictEqual([]);
  });

  test('a lost race is refused, the version that was seen is not', async () => {
    await recipients.change(caller(), put('u1', { name: 'Ana' }));
    expect(await recipients.change(caller(), put('u1', { name: 'Bo' }, { ifVersion: 1 }))).toMatchObject({ version: 2 });
    expect(await recipients.change(caller(), put('u1', { name: 'Cy' }, { ifVersion: 1 }))).toMatchObject({
      rejected: 'precondition_failed',
    });
  });

  test('of an inline person is kept under the id that their notification told', async () => {
    const [subject] = await house.subjects.resolve(ACME, [{ address: 'email:a@example.com' }]);
    expect(await recipients.change(caller(), put(`addr_${String(subject)}`, { name: 'Ana' }))).toMatchObject({ subject, created: true });
  });

  test('the same id in another tenant is another person', async () => {
    const here = await recipients.change(caller(), put('u1', { name: 'Ana' }));
    const there = await recipients.change(caller({ tenant: 'beta' as TenantId }), put('u1', { name: 'Ana' }));
    expect(there).toMatchObject({ version: 1, created: true });
    expect('subject' in here && 'subject' in there && here.subject !== there.subject).toBe(true);
  });
});

test('many profiles each get their answer, also the same person twice', async () => {
  const results = await recipients.changeMany(caller({ idempotencyKey: 'bulk 1' }), [
    put('u1', { name: 'Ana' }),
    put('u2', { email: 'nobody' }),
    { recipientId: 'u1', patch: { locale: 'de' } },
    put('u3', { name: 'Cy' }),
  ]);
  expect(results.map((it) => ('rejected' in it ? it.rejected : 'version' in it ? [it.version, it.created] : it.code))).toStrictEqual([
    [1, true],
    'invalid_email',
    [2, false],
    [1, true],
  ]);
  expect(await profiles()).toContainEqual({ name: 'Ana', locale: 'de', attributes: {}, tags: [] });
});

describe('a change under a key of its own', () => {
  const keyed = (recipientId: string, patch: object, idempotencyKey = 'k'): ProfileChange => ({ recipientId, patch, idempotencyKey });

  test('gets its first answer again and changes nothing more, whatever has come in between and beside whatever it comes', async () => {
    const [first] = await recipients.changeMany(caller(), [keyed('u1', { name: 'Ana' })]);
    const [subject] = await house.subjects.find(ACME, [{ recipientId: 'u1' }]);
    const position = (await house.recorded())[0]?.position;
    await recipients.change(caller(), put('u1', { name: 'Bo' }));
    const again = await recipients.changeMany(caller(), [put('u2', {}), keyed('u1', { name: 'Ana' })]);
    expect([first, again[1]]).toStrictEqual([
      { subject, version: 1, created: true, position },
      { subject, version: 1, created: true, position, replayed: true },
    ]);
    expect((await profiles()).map(({ name }) => name)).toStrictEqual(['Ana', 'Bo', undefined]);
  });

  test('asked for twice at the same time is carried out once', async () => {
    const both = await Promise.all([1, 2].map(() => recipients.changeMany(caller(), [keyed('u1', { name: 'Ana' })])));
    expect(both.map(([it]) => it && 'replayed' in it).sort()).toStrictEqual([false, true]);
    expect(await events()).toHaveLength(1);
  });

  test('is refused when it is another change', async () => {
    await recipients.changeMany(caller(), [keyed('u1', { name: 'Ana' })]);
    const [other] = await recipients.changeMany(caller(), [keyed('u1', { name: 'Bo' })]);
    expect(other).toMatchObject({ rejected: 'idempotency_key_reused' });
    expect(await events()).toHaveLength(1);
  });

  test('says nothing of the key, nor of what was asked, in the log', async () => {
    await recipients.changeMany(caller(), [keyed('u1', { name: 'Ana' }, 'ana@example.com')]);
    const [recorded] = await house.recorded();
    const [request] = await house.indexes.hash(ACME, 'request', ['{"patch":{"name":"Ana"},"recipientId":"u1"}']);
    expect(recorded?.event.data).toMatchObject({ request });
    expect(JSON.stringify(recorded)).not.toMatch(/"Ana"|ana@/);
  });
});

describe('devices and endpoints', () => {
  test('are sealed, replaced by their id and removed by it', async () => {
    await recipients.change(caller(), put('u1', {}));
    await recipients.putDevice(caller(), 'u1', { deviceId: 'phone', platform: 'ios', token: 'token-1' });
    await recipients.putDevice(caller(), 'u1', { deviceId: 'phone', platform: 'ios', token: 'token-1' });
    await recipients.putDevice(caller(), 'u1', { deviceId: 'phone', platform: 'ios', token: 'token-2' });
    await recipients.putEndpoint(caller(), 'u1', { endpointId: 'phone', channel: 'webhook', address: 'https://example.com/hook' });
    await recipients.removeDevice(caller(), 'u1', 'phone');
    const all = (await events()).slice(1);
    expect(all.map(({ type, data }) => ('channel' in data ? [type, data.channel] : []))).toStrictEqual([
      ['AddressAdded', 'push'],
      ['AddressAdded', 'push'],
      ['AddressAdded', 'webhook'],
      ['AddressRemoved', 'push'],
    ]);
    const [key] = await house.indexes.hash(ACME, 'address', ['push:token-1']);
    expect(all[0]?.data).toMatchObject({ platform: 'ios', key: { hash: key, normalisation: 1 } });
    const blobs = all.flatMap(({ data }) => ('address' in data && isSealed(data.address) ? [data.address] : []));
    expect(await house.vault.open(blobs)).toStrictEqual([
      { value: { id: 'phone', address: 'token-1' } },
      { value: { id: 'phone', address: 'token-2' } },
      { value: { id: 'phone', address: 'https://example.com/hook' } },
    ]);
    expect(JSON.stringify(await house.recorded())).not.toMatch(/token-|example\.com|"phone"/);
  });

  test.each(['http://example.com/hook', 'example.com/hook', '/hook'])('a webhook that is no https URL is refused: %s', async (address) => {
    await recipients.change(caller(), put('u1', {}));
    const hook = { endpointId: 'hook', channel: 'webhook', address } as const;
    expect(await recipients.putEndpoint(caller(), 'u1', hook)).toStrictEqual({
      rejected: 'invalid_url',
      detail: 'a webhook is an absolute https URL',
      path: '/address',
    });
    await recipients.putEndpoint(caller(), 'u1', { ...hook, channel: 'wallet' });
    expect((await events()).slice(1).map(({ type, data }) => [type, 'channel' in data && data.channel])).toStrictEqual([
      ['AddressAdded', 'wallet'],
    ]);
  });

  test('of somebody unknown are refused and make nobody known', async () => {
    const device = { deviceId: 'phone', platform: 'web', token: 't' } as const;
    expect(await recipients.putDevice(caller(), 'nobody', device)).toMatchObject({ rejected: 'recipient_not_found' });
    expect(await recipients.removeDevice(caller(), 'nobody', 'phone')).toMatchObject({ rejected: 'recipient_not_found' });
    expect(await house.subjects.find(ACME, [{ recipientId: 'nobody' }])).toStrictEqual(['unknown']);
  });

  test('one that is not there is gone already', async () => {
    await recipients.change(caller(), put('u1', {}));
    expect(await recipients.removeEndpoint(caller(), 'u1', 'hook')).toMatchObject({ subject: expect.any(String) as string });
    expect(await events()).toHaveLength(1);
  });
});
