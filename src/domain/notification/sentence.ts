import { assertNever } from '../kernel/assertNever.ts';
import { channelOf, type Delivery } from './delivery.ts';
import type { Terms } from '../values/message.ts';
import type { ExplainedGate, TimelineEntry } from './explanation.ts';

type Told = {
  readonly delivery: Delivery;
  readonly terms: Terms;
  readonly gates: readonly ExplainedGate[];
  readonly timeline: readonly TimelineEntry[];
};

const NAME = {
  email: 'e-mail',
  sms: 'text message',
  push: 'push message',
  in_app: 'in-app message',
  webhook: 'webhook call',
  wallet: 'wallet pass',
} as const;

/** One sentence that tells a person what became of a delivery and why. Holds nothing personal. */
export function sentenceOf({ delivery, terms, gates, timeline }: Told): string {
  const what = `The ${NAME[channelOf(delivery.n)]} for “${terms.type}” (${terms.category}, ${terms.class})`;
  return `${what} ${fateOf(delivery, gates, timeline)}`;
}

const because = (gates: readonly ExplainedGate[], verdict: 'suppress' | 'defer'): string => {
  const gate = gates.find((it) => it.verdict === verdict);
  return gate === undefined ? '.' : `: ${gate.because} (gate “${gate.gate}”).`;
};
const at = (entry: TimelineEntry | undefined): string => (entry === undefined ? '' : ` at ${entry.at}`);
const coded = (code: string | undefined): string => (code === undefined ? '' : ` (${code})`);

function fateOf(it: Delivery, gates: readonly ExplainedGate[], timeline: readonly TimelineEntry[]): string {
  const last = timeline.findLast((entry) => entry.event === 'HandOffRecorded');
  const provider = last?.provider ?? it.provider ?? 'the provider';
  switch (it.status) {
    case 'new':
      return 'has been accepted and waits for its time.';
    case 'deferred':
      return `waits until ${it.until ?? 'later'}${because(gates, 'defer')}`;
    case 'planned':
      return 'has passed every gate and is about to be handed off.';
    case 'retry':
      return `was not taken by ${provider}${coded(it.code)} and will be tried again.`;
    case 'open':
      return `is being handed to ${it.provider ?? 'the provider'}.`;
    case 'sent':
      return `passed all ${String(gates.length)} gates and was accepted by ${provider}${at(last)}.`;
    case 'failed':
      return last === undefined
        ? `could not be made${coded(it.code)}.`
        : `was refused for good by ${provider}${coded(it.code)}${at(last)}.`;
    case 'dead':
      return `was given up after ${String(it.starts)} attempts with ${provider}${coded(it.code)}.`;
    case 'unknown':
      return `left for ${provider}, which never answered for certain${coded(it.code)}: it may or may not have arrived.`;
    case 'suppressed':
      return `was not sent${because(gates, 'suppress')}`;
    case 'cancelled':
      return `was cancelled before it went${at(timeline.findLast((entry) => entry.event === 'NotificationCancelled'))}.`;
    case 'left':
      return 'is not needed: another channel of the same notification serves this person.';
    default:
      return assertNever(it.status);
  }
}
