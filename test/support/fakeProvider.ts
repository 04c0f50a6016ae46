import type { Outgoing, Provider, SendResult } from '../../src/processes/dispatch/provider.ts';

/** A provider that does what the test says, and writes down all that it took. */
export type FakeProvider = Provider & {
  /** What it took, in order: a known key is not taken twice where it takes keys. */
  readonly ledger: Outgoing[];
  /** Sizes of the calls. */
  readonly calls: number[];
  /** The answer to a message; undefined: accepted. It may await what the test wants to happen meanwhile. */
  script: (message: Outgoing, call: number, signal?: AbortSignal) => SendResult | undefined | Promise<SendResult | undefined>;
  /** A message that is answered so was taken all the same. */
  tookAnyway: (message: Outgoing) => boolean;
};

export function fakeProvider(more: Partial<Pick<Provider, 'id' | 'takesKeys' | 'deadlineMs' | 'window'>> = {}): FakeProvider {
  const keys = new Set<string>();
  const it: FakeProvider = {
    id: 'smtp',
    takesKeys: false,
    deadlineMs: 5_000,
    window: 10,
    ledger: [],
    calls: [],
    script: () => undefined,
    tookAnyway: () => false,
    send: async (messages, signal) => {
      const call = it.calls.push(messages.length) - 1;
      const results: SendResult[] = [];
      for (const message of messages) {
        const said = await it.script(message, call, signal);
        const isKnown = it.takesKeys && keys.has(message.key);
        if ((said === undefined || said.outcome === 'accepted' || it.tookAnyway(message)) && !isKnown) {
          it.ledger.push(message);
          keys.add(message.key);
        }
        results.push(said ?? { outcome: 'accepted', providerMessageId: `id of ${message.key}` });
      }
      return results;
    },
    close: async () => undefined,
    ...more,
  };
  return it;
}
