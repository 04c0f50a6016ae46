import { describe, expect, onTestFinished, test } from 'vitest';
import { trusted, type DeliveryId, type NotificationId, type SubjectId, type TenantId } from '../../src/domain/values/ids.ts';
import type { EmailMessage, Outgoing, Provider, SendResult } from '../../src/processes/dispatch/provider.ts';

/** What a message can be made to meet. `timeout`: the other side never answers; `unknown`: the connection goes with the answer. */
export const FATES = ['accepted', 'permanent', 'transient', 'throttled', 'unknown', 'timeout'] as const;
export type Fate = (typeof FATES)[number];

export type ProviderUnderTest = {
  readonly provider: Provider;
  /** A message that meets this fate, n telling it from others; undefined: the provider cannot meet with it. */
  readonly message: (fate: Fate, n: number) => Outgoing | undefined;
  /** Keys of what the other side has taken, a doubled one twice. */
  readonly taken: () => Promise<readonly string[]>;
  /** After the provider was closed. */
  readonly stop?: () => Promise<void>;
};

const NOTIFICATION = '0193b0a0-0000-7000-8000-000000000001';

export function outgoing(n: number, more: Partial<EmailMessage> = {}): Outgoing {
  return {
    tenant: trusted<TenantId>('default'),
    notificationId: trusted<NotificationId>(NOTIFICATION),
    deliveryId: trusted<DeliveryId>(`${NOTIFICATION}_${n}`),
    subject: trusted<SubjectId>('AAAAAAAAAAAAAAAAAAAAAA'),
    key: `${NOTIFICATION}_${n}.1`,
    message: {
      channel: 'email',
      from: 'Tidings <news@example.com>',
      to: `to${n}@example.org`,
      subject: `Hello ${n}`,
      text: `Mail ${n}`,
      headers: {},
      attachments: [],
      ...more,
    },
  };
}

const fateOf = (result: SendResult | undefined): string =>
  result?.outcome === 'refused' ? result.kind : result?.outcome === 'unknown' ? 'unknown' : (result?.outcome ?? 'no answer');
const expected = (fate: Fate): string => (fate === 'timeout' ? 'unknown' : fate);

/** What `Provider` promises, for every one that there is. */
export function providerContract(name: string, make: () => Promise<ProviderUnderTest>): void {
  async function started(): Promise<ProviderUnderTest> {
    const it = await make();
    onTestFinished(async () => {
      await it.provider.close();
      await it.stop?.();
    });
    return it;
  }
  const messages = (
    it: ProviderUnderTest,
    fates: readonly Fate[],
  ): { readonly fates: readonly Fate[]; readonly list: readonly Outgoing[] } => {
    const made = fates.flatMap((fate, n) => {
      const message = it.message(fate, n);
      return message === undefined ? [] : [{ fate, message }];
    });
    return { fates: made.map(({ fate }) => fate), list: made.map(({ message }) => message) };
  };

  describe(`a provider: ${name}`, () => {
    test('says what it is', async () => {
      const { provider } = await started();
      expect(provider.id).toMatch(/^[a-z][a-z0-9_-]*$/);
      expect(provider.window).toBeGreaterThan(0);
      expect(provider.deadlineMs).toBeGreaterThan(0);
    });

    test.each(FATES)('answers a message that meets with: %s', async (fate) => {
      const it = await started();
      const { list } = messages(it, [fate]);
      const results = await it.provider.send(list);
      expect(results.map(fateOf)).toStrictEqual(list.map(() => expected(fate)));
      for (const result of results) {
        if (result.outcome === 'accepted' || result.outcome === 'returned') continue;
        expect(result.code).toMatch(/^[a-z][a-z0-9_]*$/);
        expect(result.code).not.toContain('example');
        if (fate === 'throttled') expect(result).toHaveProperty('retryAfterMs', expect.any(Number));
      }
      expect(await it.taken()).toStrictEqual(fate === 'accepted' ? list.map(({ key }) => key) : []);
    });

    test('answers a mixed batch in order, each for itself', async () => {
      const it = await started();
      const round: readonly Fate[] = ['accepted', 'permanent', 'accepted', 'transient', 'throttled', 'accepted', 'permanent', 'accepted'];
      const { fates, list } = messages(it, [...round, ...round, ...round]);
      const results = await it.provider.send(list);
      expect(results.map(fateOf)).toStrictEqual(fates.map(expected));
      expect([...(await it.taken())].sort()).toStrictEqual(
        list
          .filter((_, index) => fates[index] === 'accepted')
          .map(({ key }) => key)
          .sort(),
      );
    });

    test('lets an unknown outcome take no other with it', async () => {
      const it = await started();
      const { fates, list } = messages(it, ['accepted', 'accepted', 'unknown', 'accepted', 'permanent', 'accepted']);
      expect((await it.provider.send(list)).map(fateOf)).toStrictEqual(fates.map(expected));
    });

    test('takes a whole window, and nothing at all', async () => {
      const it = await started();
      const { list } = messages(it, Array<Fate>(it.provider.window).fill('accepted'));
      expect(await it.provider.send([])).toStrictEqual([]);
      expect((await it.provider.send(list)).map(fateOf)).toStrictEqual(list.map(() => 'accepted'));
      expect(new Set(await it.taken())).toStrictEqual(new Set(list.map(({ key }) => key)));
    });

    test('serves two calls at once', async () => {
      const it = await started();
      const { list } = messages(it, Array<Fate>(10).fill('accepted'));
      const results = await Promise.all([it.provider.send(list.slice(0, 5)), it.provider.send(list.slice(5))]);
      expect(results.flat().map(fateOf)).toStrictEqual(list.map(() => 'accepted'));
    });

    test('refuses a forged header for good, and never throws for a message', async () => {
      const it = await started();
      const forged = outgoing(1, { subject: 'Hello\r\nBcc: x@example.com' });
      expect((await it.provider.send([forged])).map((result) => [fateOf(result), 'code' in result ? result.code : ''])).toStrictEqual([
        ['permanent', 'invalid_header'],
      ]);
      expect(await it.taken()).toStrictEqual([]);
    });

    test('drains what is in flight before close comes back', async () => {
      const it = await started();
      const { list } = messages(it, Array<Fate>(8).fill('accepted'));
      let answered: readonly SendResult[] = [];
      const sending = it.provider.send(list).then((results) => {
        answered = results;
      });
      await it.provider.close();
      expect(answered.map(fateOf)).toStrictEqual(list.map(() => 'accepted'));
      await sending;
      expect(await it.taken()).toHaveLength(list.length);
    });

    test('delivers a repeated key once, where it takes keys', async () => {
      const it = await started();
      if (!it.provider.takesKeys) return;
      const { list } = messages(it, ['accepted', 'accepted']);
      const first = await it.provider.send(list);
      expect(await it.provider.send([...list, ...list])).toStrictEqual([...first, ...first]);
      expect(await it.taken()).toHaveLength(2);
    });
  });
}
