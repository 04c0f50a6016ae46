import { expect, onTestFinished, test } from 'vitest';
import { closing } from '../../src/compose/closing.ts';
import { openProviders } from '../../src/compose/providers.ts';
import { CHANNELS, type Channel } from '../../src/domain/values/channel.ts';
import { manualClock } from '../support/manualClock.ts';
import { START } from '../support/house.ts';

/** Mail by SMTP, all else captured; nothing is sent. */
function opened(email: readonly ('smtp' | 'capture')[] = ['smtp']) {
  const clock = manualClock(START);
  const changes: string[] = [];
  const open = closing((_, error) => {
    throw error;
  });
  onTestFinished(() => open.all().then(() => undefined));
  const captured = Object.fromEntries(CHANNELS.map((channel) => [channel, ['capture']])) as unknown as Record<
    Channel,
    readonly ['capture']
  >;
  const providers = openProviders(
    {
      config: {
        providers: { ...captured, email },
        email: { smtpUrl: 'smtp://127.0.0.1:2525?tls=off', from: 'Shop <shop@example.com>' },
      },
      captures: {
        put: (entries) => Promise.resolve(entries.map(() => 'kept')),
        list: () => Promise.resolve({ rows: [], next: null }),
        clear: () => Promise.resolve(0),
        purge: () => Promise.resolve(0),
      },
      sink: { record: () => Promise.resolve() },
      clock,
      onError: (error) => {
        throw error;
      },
      onBreaker: (provider, isOpen) => changes.push(`${provider} ${isOpen ? 'open' : 'closed'}`),
    },
    open,
  );
  return { providers, clock, changes };
}

test('what a key of test mode sends is captured, whatever the channel has, also where another provider may have it', () => {
  const { providers } = opened();
  const chosen = CHANNELS.flatMap((channel) => [
    providers.choose({ channel, mode: 'test' }).id,
    providers.choose({ channel, mode: 'test', bound: 'smtp' }).id,
  ]);
  expect(new Set(chosen)).toStrictEqual(new Set(['capture']));
  expect(providers.choose({ channel: 'email', mode: 'live' }).id).toBe('smtp');
});

test('what may have been taken is sought where it was given, whatever comes first by now', () => {
  const { providers } = opened();
  expect(providers.choose({ channel: 'email', mode: 'live', bound: 'capture' }).id).toBe('capture');
  expect(providers.choose({ channel: 'email', mode: 'live', bound: 'gone' }).id).toBe('smtp');
});

test('a provider that takes nothing five times in a row is passed over for ten seconds, if there is another', async () => {
  const { providers, clock, changes } = opened(['smtp', 'capture']);
  const first = (): string => providers.choose({ channel: 'email', mode: 'live' }).id;
  for (const healthy of [false, false, false, false, true, false, false, false, false]) providers.report('smtp', healthy);
  await Promise.resolve();
  expect([first(), changes]).toStrictEqual(['smtp', []]);
  providers.report('smtp', false);
  await expect.poll(() => changes).toStrictEqual(['smtp open']);
  expect(first()).toBe('capture');
  clock.advance(9_999);
  expect(first()).toBe('capture');
  clock.advance(1);
  expect(first()).toBe('smtp');
});
