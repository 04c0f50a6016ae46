import type { Provider, SendResult } from '../../src/processes/dispatch/provider.ts';

/** A provider that takes idempotency keys: one POST a sub-batch, and whoever gets a key twice delivers it once. */
export function keyedProvider({
  url,
  window,
  deadlineMs,
}: {
  readonly url: string;
  readonly window: number;
  readonly deadlineMs: number;
}): Provider {
  return {
    id: 'keyed',
    takesKeys: true,
    deadlineMs,
    window,
    send: async (messages) => {
      const body = JSON.stringify(messages.map(({ key, message }) => ({ key, to: message.channel === 'sms' ? message.to : '' })));
      const result: SendResult = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(deadlineMs - 100) }).then(
        () => ({ outcome: 'accepted' }),
        () => ({ outcome: 'unknown', code: 'timeout' }),
      );
      return messages.map(() => result);
    },
    close: () => Promise.resolve(),
  };
}
