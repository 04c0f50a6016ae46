import { circuitBreaker, ConsecutiveBreaker, handleAll, type CircuitBreakerPolicy } from 'cockatiel';
import { captureProvider } from '../adapters/providers/capture/capture.ts';
import type { CaptureStore } from '../adapters/providers/capture/captureStore.ts';
import { smtpProvider } from '../adapters/providers/email/smtp.ts';
import { parseSmtpUrl } from '../adapters/providers/email/smtpUrl.ts';
import { withSimulator } from '../adapters/providers/simulator/withSimulator.ts';
import type { Config } from '../config.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { isRejection } from '../domain/kernel/rejection.ts';
import type { Clock } from '../commands/ports.ts';
import type { Providers } from '../processes/dispatch/ports.ts';
import type { Provider } from '../processes/dispatch/provider.ts';
import type { FeedbackSink } from '../processes/feedback/ports.ts';
import type { Closing } from './closing.ts';

type Parts = {
  readonly config: Pick<Config, 'providers' | 'email'>;
  readonly captures: CaptureStore;
  readonly sink: FeedbackSink;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly onBreaker: (provider: string, open: boolean) => void;
};

/** Calls in a row that found a provider down, and the milliseconds for which it is then passed over. */
const BREAKS_AFTER = 5;
const HALF_OPEN_MS = 10_000;

/** The providers of the environment, in the order in which they are tried; test mode has the capture provider alone. */
export function openProviders(parts: Parts, closing: Closing): Providers {
  const { clock, sink } = parts;
  const simulated = (provider: Provider): Provider =>
    withSimulator(provider, {
      sink,
      clock,
      onDropped: () => parts.onError(new PortError('unavailable', 'feedback_dropped', 'simulated feedback was dropped')),
    });
  const capture = simulated(captureProvider(parts.captures, clock));
  const byKind = new Map<string, Provider>([['capture', capture]]);
  if (parts.config.providers.email.includes('smtp')) byKind.set('smtp', simulated(smtpOf(parts)));
  for (const [kind, provider] of byKind) closing.add(`provider ${kind}`, () => provider.close());
  const openUntil = new Map<string, number>();
  const breakers = new Map<string, CircuitBreakerPolicy>([...byKind.keys()].map((id) => [id, breakerOf(id, parts, openUntil)]));

  // The breaker changes its state only when it is asked to carry something; with a failover at hand nobody asks, so its time is kept here.
  const isOpen = (id: string): boolean => clock.epochMs() < (openUntil.get(id) ?? 0);
  return {
    choose: ({ channel, mode, bound }) => {
      if (mode === 'test') return capture;
      const own = bound === undefined ? undefined : byKind.get(bound);
      if (own !== undefined) return own;
      const ordered = parts.config.providers[channel].flatMap((kind) => byKind.get(kind) ?? []);
      // With all of them down the first is tried: its refusal is what the delivery then tells.
      return ordered.find(({ id }) => !isOpen(id)) ?? ordered[0] ?? capture;
    },
    longestDeadlineMs: Math.max(...[...byKind.values()].map(({ deadlineMs }) => deadlineMs)),
    report: (id, healthy) => {
      // The breaker only watches: a call has been made already, and what it says of the provider is told to it.
      void breakers
        .get(id)
        ?.execute(() => (healthy ? Promise.resolve() : Promise.reject(DOWN)))
        .catch(() => undefined);
    },
  };
}

const DOWN = new PortError('unavailable', 'provider_down', 'the provider took nothing');

function smtpOf({ config, clock }: Parts): Provider {
  const options = parseSmtpUrl(config.email.smtpUrl ?? '');
  if (isRejection(options)) throw new PortError('invalid', options.rejected, options.detail);
  const { dkim } = config.email;
  return smtpProvider(options, { clock, ...(dkim === undefined ? {} : { dkim: [dkim] }) });
}

function breakerOf(id: string, { onBreaker, clock }: Parts, openUntil: Map<string, number>): CircuitBreakerPolicy {
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: HALF_OPEN_MS, breaker: new ConsecutiveBreaker(BREAKS_AFTER) });
  breaker.onBreak(() => {
    openUntil.set(id, clock.epochMs() + HALF_OPEN_MS);
    onBreaker(id, true);
  });
  breaker.onReset(() => {
    onBreaker(id, false);
  });
  return breaker;
}
