import { sequelOf, type Aftermath } from './aftermath.ts';
import { channelOf, type Delivery, type DeliveryState } from './delivery.ts';
import type { Terms } from '../values/message.ts';
import type { ExplainedGate, TimelineEntry } from './explanation.ts';

type Told = {
  readonly delivery: Delivery;
  readonly terms: Terms;
  readonly gates: readonly ExplainedGate[];
  readonly timeline: readonly TimelineEntry[];
  readonly aftermath: readonly Aftermath[];
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
export function sentenceOf(told: Told): string {
  const { delivery, terms } = told;
  // The built-in categories are called as their class is.
  const filed = terms.category === terms.class ? terms.class : `${terms.category}, ${terms.class}`;
  const what = `The ${NAME[channelOf(delivery.n)]} for “${terms.type}” (${filed})`;
  return `${what} ${fateOf(told)}`;
}

const because = (gates: readonly ExplainedGate[], verdict: 'suppress' | 'defer'): string => {
  const gate = gates.find((it) => it.verdict === verdict);
  return gate === undefined ? '.' : `: ${gate.because} (gate “${gate.gate}”).`;
};
const at = (entry: TimelineEntry | undefined): string => (entry === undefined ? '' : ` at ${entry.at}`);
const coded = (code: string | undefined): string => (code === undefined ? '' : ` (${code})`);

/** By the provider that reaches nobody, it was not sent at all. */
const taken = (provider: string): string => (provider === 'capture' ? 'captured instead of being sent' : `accepted by ${provider}`);

type Fate = {
  readonly it: Delivery;
  readonly gates: readonly ExplainedGate[];
  readonly timeline: readonly TimelineEntry[];
  /** The newest answer. */
  readonly last: TimelineEntry | undefined;
  readonly provider: string;
  /** What was heard of it since. */
  readonly sequel: string | undefined;
};

const FATES: Readonly<Record<DeliveryState, (fate: Fate) => string>> = {
  new: () => 'has been accepted and waits for its time.',
  deferred: ({ it, gates }) => `waits until ${it.until ?? 'later'}${because(gates, 'defer')}`,
  planned: () => 'has passed every gate and is about to be handed off.',
  retry: ({ it, provider }) => `was not taken by ${provider}${coded(it.code)} and will be tried again.`,
  open: ({ it }) => `is being handed to ${it.provider ?? 'the provider'}.`,
  sent: ({ gates, provider, last }) => `passed all ${String(gates.length)} gates and was ${taken(provider)}${at(last)}.`,
  failed: ({ it, provider, last }) =>
    last === undefined ? `could not be made${coded(it.code)}.` : `was refused for good by ${provider}${coded(it.code)}${at(last)}.`,
  dead: ({ it, provider }) => `was given up after ${String(it.starts)} attempts with ${provider}${coded(it.code)}.`,
  unknown: ({ it, provider, sequel }) =>
    `left for ${provider}, which never answered for certain${coded(it.code)}${sequel === undefined ? ': it may or may not have arrived' : ''}.`,
  suppressed: ({ gates }) => `was not sent${because(gates, 'suppress')}`,
  cancelled: ({ timeline }) => `was cancelled before it went${at(timeline.findLast((entry) => entry.event === 'NotificationCancelled'))}.`,
  left: () => 'is not needed: another channel of the same notification serves this person.',
};

function fateOf({ delivery: it, gates, timeline, aftermath }: Told): string {
  const last = timeline.findLast((entry) => entry.event === 'HandOffRecorded');
  const sequel = sequelOf(aftermath);
  const fate = FATES[it.status]({ it, gates, timeline, last, provider: last?.provider ?? it.provider ?? 'the provider', sequel });
  return sequel === undefined ? fate : fate.replace(/\.$/, `${sequel}.`);
}
