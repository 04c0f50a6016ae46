import type { Clock } from '../../../commands/ports.ts';
import type { Outgoing, Provider, SendResult } from '../../../processes/dispatch/provider.ts';
import type { FeedbackItem, FeedbackSink } from '../../../processes/feedback/ports.ts';

/** Addresses at this domain reach nobody; each behaves as its name says, with any provider, in test mode and live. */
const SIMULATOR_DOMAIN = 'simulator.tidings';
const RETRY_AFTER_MS = 1_000;
/** Complaints that wait to be told; more than these are dropped, and counted by `onDropped`. */
const MAX_WAITING = 1_000;

type Answer = { readonly result: SendResult; readonly feedback?: FeedbackItem['kind'] };

/** By local part, whatever follows a plus (RFC 5233): `bounce+42@simulator.tidings` bounces too. */
const ANSWERS: { readonly [local: string]: Answer } = {
  success: { result: { outcome: 'accepted' } },
  bounce: { result: { outcome: 'refused', kind: 'permanent', code: 'mailbox_not_found' } },
  soft: { result: { outcome: 'refused', kind: 'transient', code: 'mailbox_full' } },
  throttled: { result: { outcome: 'refused', kind: 'throttled', code: 'rate_limited', retryAfterMs: RETRY_AFTER_MS } },
  timeout: { result: { outcome: 'unknown', code: 'timeout' } },
  complaint: { result: { outcome: 'accepted' }, feedback: 'complained' },
};
const UNKNOWN_NAME: Answer = { result: { outcome: 'refused', kind: 'permanent', code: 'mailbox_not_found' } };

function answerTo({ message, key }: Outgoing): Answer | undefined {
  const at = message.to.lastIndexOf('@');
  if (message.channel !== 'email' || message.to.slice(at + 1).toLowerCase() !== SIMULATOR_DOMAIN) return undefined;
  const local = message.to.slice(0, at).toLowerCase().split('+')[0] ?? '';
  const answer = Object.hasOwn(ANSWERS, local) ? (ANSWERS[local] ?? UNKNOWN_NAME) : UNKNOWN_NAME;
  return answer.result.outcome === 'accepted' ? { ...answer, result: { ...answer.result, providerMessageId: `simulated-${key}` } } : answer;
}

/** Milliseconds from the answer to the complaint, and between two tries to record it. */
export type SimulatorOptions = {
  readonly sink: FeedbackSink;
  readonly clock: Clock;
  readonly feedbackAfterMs?: number;
  readonly onDropped: (count: number) => void;
};

/** Tells the sink later, in batches, so that the result is recorded first; a sink that fails is told again. */
class DeferredFeedback {
  readonly #options: SimulatorOptions;
  #waiting: FeedbackItem[] = [];
  #timer: NodeJS.Timeout | undefined;
  #telling: Promise<void> = Promise.resolve();

  constructor(options: SimulatorOptions) {
    this.#options = options;
  }

  add(items: readonly FeedbackItem[]): void {
    if (items.length === 0) return;
    const room = Math.max(0, MAX_WAITING - this.#waiting.length);
    this.#waiting.push(...items.slice(0, room));
    if (items.length > room) this.#options.onDropped(items.length - room);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#telling = this.#tell();
    }, this.#options.feedbackAfterMs ?? 1_000);
  }

  /** Tells what waits at once. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#telling;
    await this.#tell(false);
  }

  async #tell(again = true): Promise<void> {
    const items = this.#waiting;
    this.#waiting = [];
    if (items.length === 0) return;
    try {
      await this.#options.sink.record(items);
    } catch {
      // simulated feedback is no fact about anyone: it is told again while there is room, and then counted as lost
      if (again) this.add(items);
      else this.#options.onDropped(items.length);
    }
  }
}

/**
 * Answers for the addresses of `simulator.tidings` itself, like the mailbox simulators of mail services, and leaves the rest to the
 * provider: `success@`, `bounce@` (refused for good), `soft@` (refused for now), `throttled@`, `timeout@` (unknown), `complaint@`
 * (accepted, then a complaint). Results keep their order; nothing simulated ever reaches the provider.
 */
export function withSimulator(provider: Provider, options: SimulatorOptions): Provider {
  const feedback = new DeferredFeedback(options);
  const complaint = (kind: FeedbackItem['kind'], { tenant, notificationId, deliveryId, key }: Outgoing): FeedbackItem => ({
    tenant,
    notificationId,
    deliveryId,
    kind,
    provider: provider.id,
    providerEventId: `simulated-${kind}-${key}`,
    at: options.clock.now(),
  });

  return {
    id: provider.id,
    takesKeys: provider.takesKeys,
    deadlineMs: provider.deadlineMs,
    window: provider.window,
    send: async (messages, signal) => {
      const answers = messages.map(answerTo);
      const real = messages.filter((_, index) => answers[index] === undefined);
      const sent = real.length === 0 ? [] : await provider.send(real, signal);
      feedback.add(
        messages.flatMap((message, index) => {
          const kind = answers[index]?.feedback;
          return kind === undefined ? [] : [complaint(kind, message)];
        }),
      );
      const results = new Map(real.map((message, index) => [message, sent[index]]));
      return messages.map((message, index) => answers[index]?.result ?? results.get(message) ?? { outcome: 'unknown', code: 'unanswered' });
    },
    close: async () => {
      await provider.close();
      await feedback.close();
    },
  };
}
