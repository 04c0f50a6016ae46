import { present } from '../../domain/kernel/present.ts';
import { channelOf, deliveryIdOf, indexOf } from '../../domain/notification/delivery.ts';
import type { Outcome } from '../../domain/notification/plan.ts';
import { duplicateVerdict, type GateFacts, type Reservation } from '../../domain/policy/gates.ts';
import { reservationKey } from '../../domain/policy/dedup.ts';
import { dueFor } from '../../domain/policy/wallTime.ts';
import type { BatchId, StreamName, TenantId } from '../../domain/values/ids.ts';
import { plusMs, type Instant } from '../../domain/values/instant.ts';
import { expiryOf } from '../../domain/policy/expiry.ts';
import { factsAgainAt } from '../../domain/policy/recheck.ts';
import type { Job } from '../dispatch/load.ts';
import { addressOf, type OpenedJob, type Person } from '../dispatch/people.ts';
import type { BatchFacts, DispatchPorts, ReservationRequest } from '../dispatch/ports.ts';
import type { Provider } from '../dispatch/provider.ts';
import { streamOf } from '../../domain/values/streams.ts';
import { reserve } from './reserve.ts';
import { sharedRulings, type Ruled, type SharedRulings } from './sharedRulings.ts';

/** What the gates said of the due deliveries of one notification, with the provider each would go to. */
export type JudgedJob = {
  readonly opened: OpenedJob;
  readonly outcomes: readonly Outcome[];
  readonly providers: ReadonlyMap<number, Provider>;
  /** Its batch has been cancelled, and nothing of it goes any more. */
  readonly isCancelled: boolean;
};

type Judged = { readonly n: number; readonly person: Person; readonly ruled: Ruled; readonly provider: Provider };
type JudgePorts = Pick<DispatchPorts, 'facts' | 'log' | 'reservations' | 'providers' | 'allowlist' | 'pauseRecheckMs'>;
type Group = { readonly tenant: TenantId; readonly group: readonly OpenedJob[]; readonly now: Instant };

/**
 * Gates of a group (docs/architecture.md, steps 5 and 6), after its subjects and addresses were declared: facts that an opt-out may change
 * are read here and nowhere earlier. Reservations of the whole group are one statement.
 */
export async function judgeDeliveries(ports: JudgePorts, { tenant, group, now }: Group): Promise<readonly JudgedJob[]> {
  const ids = [...new Set(group.flatMap(({ job }) => job.state.requested.batch?.batchId ?? []))];
  const [batches, parked] = await Promise.all([ports.facts.batches(tenant, ids), ports.facts.parked(factStreams(tenant, group, ids))]);
  const shared = sharedRulings();
  const judged = group.map((opened) => ({ opened, deliveries: chosen(opened, judgeJob(ports, opened, { batches, parked, now, shared })) }));
  const wanted = judged.flatMap(({ opened, deliveries }) => reservationsOf(opened, deliveries, now));
  const answers = await reserve(ports, wanted, now);
  return judged.map(({ opened, deliveries }) => finish(opened, deliveries, { answers, batches, shared }));
}

/** Where the facts about these people and batches come from. */
const factStreams = (tenant: TenantId, group: readonly OpenedJob[], batches: readonly BatchId[]): readonly StreamName[] => [
  ...new Set(group.flatMap(({ people }) => [...people.values()].map(({ subject }) => streamOf('recipient', tenant, subject)))),
  ...batches.map((id) => streamOf('batch', tenant, id)),
];

type Around = {
  readonly batches: ReadonlyMap<BatchId, BatchFacts>;
  readonly parked: ReadonlySet<StreamName>;
  readonly now: Instant;
  readonly shared: SharedRulings;
};

function judgeJob(ports: JudgePorts, { job, people }: OpenedJob, around: Around): readonly Judged[] {
  return job.due.flatMap((it) => {
    const person = people.get(indexOf(it.n));
    if (person === undefined) return [];
    const provider = ports.providers.choose({
      channel: channelOf(it.n),
      mode: job.state.requested.terms.mode,
      ...present({ bound: it.doubt || it.status === 'open' ? it.provider : undefined }),
    });
    return [{ n: it.n, person, ruled: around.shared.of(gateFacts(ports, job, { n: it.n, person, provider }, around)), provider }];
  });
}

type Judging = { readonly n: number; readonly person: Person; readonly provider: Provider };

function gateFacts(ports: JudgePorts, job: Job, { n, person, provider }: Judging, { batches, parked, now }: Around): GateFacts {
  const { terms, requestedAt, batch } = job.state.requested;
  const channel = channelOf(n);
  const address = addressOf(person, n);
  const scheduledFor = dueFor(job.state.schedule, person.timeZone);
  const found = batch && batches.get(batch.batchId);
  const wasToGo = scheduledFor !== undefined && scheduledFor > requestedAt ? scheduledFor : requestedAt;
  return {
    now,
    channel,
    class: terms.class,
    address: person.erased ? 'erased' : address && { source: address.source, version: person.profileVersion },
    provider: provider.id,
    ...present({
      scheduledFor,
      expiresAt: expiryOf(terms, wasToGo),
      allowlisted: ports.allowlist && address !== null && ports.allowlist(channel, address.address),
      factsAgainAt: isBehind(parked, job, person) ? factsAgainAt(wasToGo, now) : undefined,
      batch: found && { status: found.status, recheckAt: plusMs(now, ports.pauseRecheckMs) },
    }),
  };
}

const isBehind = (parked: ReadonlySet<StreamName>, { tenant, state: { requested } }: Job, { subject }: Person): boolean =>
  parked.has(streamOf('recipient', tenant, subject)) ||
  (requested.batch !== undefined && parked.has(streamOf('batch', tenant, requested.batch.batchId)));

type Chosen = Judged & { readonly leave: boolean };
/** Routing: which of a person's channels are used. What is left says so in its trace, since every gate ran. */
function chosen({ job }: OpenedJob, judged: readonly Judged[]): readonly Chosen[] {
  const { terms } = job.state.requested;
  if (terms.routing.method === 'first') return firstOnly(judged, terms.channelsNamed, job.confirmed);
  if (terms.channelsNamed) return judged.map((it) => ({ ...it, leave: false }));
  const reached = new Set(judged.filter((it) => !hasNoAddress(it)).map((it) => indexOf(it.n)));
  const told = new Set<number>();
  return judged.map((it) => {
    const [index, unreached] = [indexOf(it.n), hasNoAddress(it)];
    // Somebody whom no channel reaches is told about once, with the first channel.
    const leave = unreached && (reached.has(index) || told.has(index));
    if (unreached) told.add(index);
    return { ...it, leave };
  });
}

const hasNoAddress = ({ ruled }: Judged): boolean => ruled.trace.some(({ code }) => code === 'no_address');

function firstOnly(judged: readonly Judged[], named: boolean, confirmed: ReadonlySet<number>): readonly Chosen[] {
  const taken = new Set(confirmed);
  const last = new Map(judged.map((it) => [indexOf(it.n), it.n]));
  return judged.map((it) => {
    const index = indexOf(it.n);
    if (taken.has(index)) return { ...it, leave: true };
    if (it.ruled.judgement.plan !== 'suppress') {
      taken.add(index);
      return { ...it, leave: false };
    }
    // A channel that does not reach the person and that nobody named is passed over, unless it was the last hope.
    return { ...it, leave: !named && hasNoAddress(it) && last.get(index) !== it.n };
  });
}

function reservationsOf({ job }: OpenedJob, deliveries: readonly Chosen[], now: Instant): readonly ReservationRequest[] {
  const { notificationId, terms } = job.state.requested;
  const { dedup } = terms;
  if (dedup === undefined) return [];
  return deliveries
    .filter((it) => !it.leave && it.ruled.judgement.plan === 'go')
    .map((it) => ({
      tenant: job.tenant,
      key: reservationKey(dedup.key, it.person.subject, channelOf(it.n)),
      since: now,
      delivery: deliveryIdOf(notificationId, it.n),
      until: plusMs(now, dedup.windowMs),
    }));
}

type Found = Pick<Around, 'batches' | 'shared'> & { readonly answers: ReadonlyMap<string, Reservation | undefined> };

function finish(opened: OpenedJob, deliveries: readonly Chosen[], { answers, batches, shared }: Found): JudgedJob {
  const { notificationId: id, batch } = opened.job.state.requested;
  const outcomes = deliveries.map(({ n, ruled, leave }): Outcome => {
    const competes = ruled.judgement.plan === 'go' && !leave;
    const { trace, judgement } = competes ? shared.with(ruled, duplicateVerdict(answers.get(deliveryIdOf(id, n)))) : ruled;
    return leave ? { n, trace, plan: 'leave' } : { n, trace, ...judgement };
  });
  const providers = new Map(deliveries.map(({ n, provider }) => [n, provider]));
  return { opened, outcomes, providers, isCancelled: batch !== undefined && batches.get(batch.batchId)?.status === 'cancelled' };
}
