import type { Answer } from '../../domain/notification/handOff.ts';
import type { StartedGroup } from '../../domain/notification/events.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { epochMsOf } from '../../domain/values/instant.ts';
import type { Ready } from './rendering.ts';
import type { Job } from './load.ts';
import type { Permits } from './permits.ts';
import type { DispatchPorts } from './ports.ts';
import type { Outgoing, Provider, SendResult } from './provider.ts';
import type { Decided, Writer } from './writer.ts';

/** What of one notification leaves together. */
export type Parcel = { readonly job: Job; readonly ready: readonly Ready[] };
/** One sub-batch: all of one provider, at most half its window, so that two claims keep it busy. */
export type SubBatch = { readonly provider: Provider; readonly parcels: readonly Parcel[] };

export function subBatches(parcels: readonly Parcel[]): readonly SubBatch[] {
  const byProvider = new Map<Provider, Each[]>();
  for (const { job, ready } of parcels) {
    for (const one of ready) {
      const list = byProvider.get(one.provider);
      if (list === undefined) byProvider.set(one.provider, [{ job, one }]);
      else list.push({ job, one });
    }
  }
  return [...byProvider].flatMap(([provider, list]) => split(provider, list));
}

type Each = { readonly job: Job; readonly one: Ready };

function split(provider: Provider, each: readonly Each[]): readonly SubBatch[] {
  const size = Math.max(1, Math.ceil(provider.window / 2));
  const batches: SubBatch[] = [];
  for (let at = 0; at < each.length; at += size) batches.push({ provider, parcels: joined(each.slice(at, at + size)) });
  return batches;
}

function joined(each: readonly Each[]): readonly Parcel[] {
  const byJob = new Map<Job, Ready[]>();
  for (const { job, one } of each) {
    const list = byJob.get(job);
    if (list === undefined) byJob.set(job, [one]);
    else list.push(one);
  }
  return [...byJob].map(([job, ready]) => ({ job, ready }));
}

/** How a sub-batch's start is written: alike deliveries of a notification as one group. */
export function startedGroups(ready: readonly Ready[]): readonly StartedGroup[] {
  const groups = new Map<string, { attempt: number; provider: string; locale: string; items: number[] }>();
  for (const { n, attempt, provider, locale } of ready) {
    const key = `${String(attempt)} ${provider.id} ${locale}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { items: [n], attempt, provider: provider.id, locale });
    else known.items.push(n);
  }
  return [...groups.values()];
}

type Claimed = { readonly id: string; readonly until: Instant };
type Ways = {
  readonly append: Writer;
  readonly permitsOf: (provider: Provider) => Permits;
  /** Whether no further sub-batch is wanted. */
  readonly isOver: () => Promise<boolean>;
  /** The process is to end: also what the provider has in hand and has not let go of stays. */
  readonly signal: AbortSignal;
};
type HandOffPorts = Pick<DispatchPorts, 'clock' | 'random' | 'retry' | 'providers' | 'watch'>;

/**
 * Steps 9 and 10 of docs/architecture.md: one sub-batch after the other, the record of each in one append with the start of the next.
 * The first has been started by the caller. Where no more is wanted (the process is to end, its batch is paused), the one that is out is
 * recorded and no other started: what is left is free again when the claim ends.
 */
export async function handOff(
  ports: HandOffPorts,
  claim: Claimed,
  batches: readonly SubBatch[],
  { append, permitsOf, isOver, signal }: Ways,
): Promise<void> {
  for (const [at, batch] of batches.entries()) {
    const outgoing = batch.parcels.flatMap(({ job, ready }) => ready.filter((it) => isMine(job, it.n, claim.id)));
    const permit = permitsOf(batch.provider);
    await permit.acquire(outgoing.length);
    try {
      const results = await call(ports, claim, batch.provider, { messages: outgoing.map((it) => it.outgoing), signal });
      const answers = new Map(
        outgoing.map((it, i) => [it.outgoing.deliveryId, answerOf(it, results === undefined ? RETURNED : results[i])]),
      );
      const next = (await isOver()) ? undefined : batches[at + 1];
      await append.untilDone(`r${String(at)}`, records(ports, claim, batch, { next, answers }));
      if (next === undefined) return;
    } finally {
      permit.release(outgoing.length);
    }
  }
}

const isMine = (job: Job, n: number, claim: string): boolean => {
  const it = job.state.deliveries.get(n);
  return it?.status === 'open' && it.claim === claim;
};

/** Undefined: nothing is called, since the claim has less time left than the provider may take, or the process is to end. */
async function call(
  ports: HandOffPorts,
  { until }: Claimed,
  provider: Provider,
  { messages, signal }: { readonly messages: readonly Outgoing[]; readonly signal: AbortSignal },
): Promise<readonly SendResult[] | undefined> {
  if (messages.length === 0) return [];
  if (signal.aborted) return undefined;
  const began = ports.clock.epochMs();
  if (epochMsOf(until) - began <= provider.deadlineMs) {
    ports.watch.dropped('claim_over', messages.length);
    return undefined;
  }
  const results = await provider.send(messages, signal).catch((): readonly SendResult[] => {
    ports.watch.dropped('provider_fault', messages.length);
    return [];
  });
  const ms = ports.clock.epochMs() - began;
  for (const outcome of ['accepted', 'refused', 'unknown'] as const) {
    const count = results.filter((it) => it.outcome === outcome).length;
    if (count > 0) ports.watch.handedOff(provider.id, outcome, count, ms);
  }
  const isHealthy = results.some((it) => it.outcome === 'accepted' || (it.outcome === 'refused' && it.kind === 'permanent'));
  // What was never tried says nothing of the provider.
  if (results.length === 0 || results.some((it) => it.outcome !== 'returned')) ports.providers.report(provider.id, isHealthy);
  return results;
}

/** Without a result of its own (the provider broke its contract) nothing is certain of it. */
const NO_RESULT: SendResult = { outcome: 'unknown', code: 'provider_fault' };
const RETURNED: SendResult = { outcome: 'returned' };

function answerOf({ n, attempt, provider, outgoing }: Ready, result: SendResult = NO_RESULT): Answer {
  const base = {
    n,
    attempt,
    provider: provider.id,
    subject: outgoing.subject,
    ...('detail' in result && result.detail !== undefined && { detail: result.detail }),
  };
  if (result.outcome === 'returned') return { ...base, outcome: 'returned' };
  if (result.outcome === 'accepted') {
    const messageId = result.providerMessageId === undefined ? {} : { messageId: result.providerMessageId };
    return { ...base, outcome: 'accepted', captured: provider.id === 'capture', ...messageId };
  }
  if (result.outcome === 'unknown') return { ...base, outcome: 'unknown', code: result.code, takesKeys: provider.takesKeys };
  const after = result.retryAfterMs === undefined ? {} : { retryAfterMs: result.retryAfterMs };
  return { ...base, outcome: 'refused', kind: result.kind, code: result.code, ...after };
}

/** One command per notification that has answers now or a start next. */
function records(
  ports: HandOffPorts,
  claim: Claimed,
  batch: SubBatch,
  { next, answers }: { next: SubBatch | undefined; answers: ReadonlyMap<string, Answer> },
): readonly Decided[] {
  const now = ports.clock.now();
  const timeLeft = next !== undefined && epochMsOf(claim.until) - ports.clock.epochMs() > next.provider.deadlineMs;
  const upcoming = new Map((timeLeft ? next.parcels : []).map(({ job, ready }) => [job, ready]));
  const answered = new Map(batch.parcels.map(({ job, ready }) => [job, ready]));
  const jitter = ports.random();
  return [...new Set([...answered.keys(), ...upcoming.keys()])].map((job) => ({
    job,
    command: {
      type: 'RecordAnswers',
      data: {
        claim: claim.id,
        until: claim.until,
        now,
        jitter,
        retry: ports.retry,
        answers: (answered.get(job) ?? []).flatMap((it) => answers.get(it.outgoing.deliveryId) ?? []),
        next: startedGroups(upcoming.get(job) ?? []).map((group) => ({ group, starts: group.items.map((n) => startsOf(job, n)) })),
      },
    },
  }));
}

/** As this claim loaded it (its own starts of other deliveries change nothing here): a delivery started elsewhere since has one more. */
const startsOf = (job: Job, n: number): number => job.due.find((it) => it.n === n)?.starts ?? 0;
