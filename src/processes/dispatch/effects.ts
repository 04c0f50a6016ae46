import { mayAskAgain, type Outcome } from '../../domain/notification/plan.ts';
import type { NotificationCommand } from '../../domain/notification/notification.ts';
import type { TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { judgeDeliveries } from '../planning/judgeDeliveries.ts';
import type { Claim, Effect } from '../process.ts';
import { renderJobs, type RenderedJob, type Ready } from './rendering.ts';
import { handOff, startedGroups, subBatches, type Parcel, type SubBatch } from './handOff.ts';
import { batchMessages, load, type Job } from './load.ts';
import { addressTexts, openPeople } from './people.ts';
import { pauseWatch } from './pauseWatch.ts';
import { permits, type Permits } from './permits.ts';
import type { DispatchPorts } from './ports.ts';
import type { Provider } from './provider.ts';
import { writer, type Decided, type Writer } from './writer.ts';

/**
 * Carries out `plan`, `handOff` and `recover` (docs/architecture.md): load, open, declare, read facts, run the gates, reserve, render,
 * append the plan and the start of the first sub-batch, hand off, record. Each step is one statement or one batch for the group;
 * the order of declare and facts closes the race with an opt-out.
 */
export function dispatchEffect(ports: DispatchPorts): Effect {
  const messages = batchMessages(ports.log);
  const windows = new Map<string, Permits>();
  const permitsOf = (provider: Provider): Permits => {
    const known = windows.get(provider.id) ?? permits(provider.window);
    windows.set(provider.id, known);
    return known;
  };
  return async (claim, signal) => {
    const append = writer(ports, claim.id);
    const now = latest(ports.clock.now(), claim);
    const jobs = await load(ports.log, messages, claim, now);
    const decided = jobs.length > 0 ? await decideGroup(ports, claim, { jobs, now }) : [];
    const rendered = claim.kind === 'recover' ? decided.map((it) => askableAgain(ports, it)) : decided;
    if (rendered.length === 0 || signal.aborted) return append.end();
    const all = subBatches(rendered.map(({ judged, ready }): Parcel => ({ job: judged.opened.job, ready })));
    // Of a recovery the rest stays open, as the model has it, and is recovered by the next claim.
    const batches = claim.kind === 'recover' ? all.slice(0, 1) : all;
    const started = await start(ports, claim, { rendered, first: batches[0], append });
    const isPaused = pauseWatch(ports, [...started]);
    await handOff(ports, claim, onlyOf(started, batches), {
      append,
      permitsOf,
      isOver: async () => signal.aborted || isPaused(),
      signal,
    });
    return append.end();
  };
}

/** What the database gave out was due by its clock: ours may be some milliseconds behind it, and would find everything too early. */
const latest = (now: Instant, { actions }: Claim): Instant => actions.reduce((so, { dueAt }) => (dueAt > so ? dueAt : so), now);

type Due = { readonly jobs: readonly Job[]; readonly now: Instant };

/** Steps 3 to 7, tenant by tenant: a group rarely has more than one. Empty: the claim ran out before it could declare. */
async function decideGroup(ports: DispatchPorts, claim: Claim, { jobs, now }: Due): Promise<readonly RenderedJob[]> {
  const byTenant = new Map<TenantId, Job[]>();
  for (const job of jobs) byTenant.set(job.tenant, [...(byTenant.get(job.tenant) ?? []), job]);
  const opened = await Promise.all([...byTenant].map(async ([tenant, own]) => ({ tenant, group: await openPeople(ports, tenant, own) })));
  const subjects = [...new Set(opened.flatMap(({ group }) => group.flatMap(({ people }) => [...people.values()].map((it) => it.subject))))];
  const keys = await Promise.all(opened.map(({ tenant, group }) => ports.indexes.hash(tenant, 'address', addressTexts(group))));
  if (!(await ports.claims.declare(claim.id, subjects, keys.flat()))) {
    ports.watch.dropped('claim_over', jobs.length);
    return [];
  }
  const rendered = await Promise.all(
    opened.map(async ({ tenant, group }) => renderJobs(ports, tenant, await judgeDeliveries(ports, { tenant, group, now }))),
  );
  return rendered.flat();
}

/** Of what a gate would let go again, only what may be asked twice. */
function askableAgain({ retry }: DispatchPorts, rendered: RenderedJob): RenderedJob {
  const { state } = rendered.judged.opened.job;
  const hold = state.requested.terms.unknownOutcome === 'hold';
  const may = ({ n, provider }: Ready): boolean => {
    const it = state.deliveries.get(n);
    // Its key means something only to the provider that may have it.
    const takesKeys = provider.takesKeys && provider.id === it?.provider;
    return it !== undefined && mayAskAgain(it, { takesKeys, hold, maxStarts: retry.maxStarts });
  };
  return { ...rendered, ready: rendered.ready.filter(may) };
}

type Starting = { readonly rendered: readonly RenderedJob[]; readonly first: SubBatch | undefined; readonly append: Writer };

/** Step 8. From here the log knows what is in flight; a job whose stream has moved on is dropped and comes again. */
async function start(ports: DispatchPorts, claim: Claim, { rendered, first, append }: Starting): Promise<ReadonlySet<Job>> {
  const now = ports.clock.now();
  const readyNow = new Map((first?.parcels ?? []).map(({ job, ready }) => [job, ready]));
  const decided = rendered.map((it): Decided => {
    const { job } = it.judged.opened;
    return { job, command: commandOf(claim, now, it, startedGroups(readyNow.get(job) ?? [])) };
  });
  const { done: written, conflicts } = await append.once('s', decided);
  if (conflicts > 0) ports.watch.dropped('conflict', conflicts);
  const done = new Set(written);
  countOutcomes(
    ports,
    rendered.filter(({ judged }) => done.has(judged.opened.job)),
  );
  return done;
}

function commandOf(
  claim: Claim,
  now: Instant,
  { judged, ready, failed }: RenderedJob,
  started: ReturnType<typeof startedGroups>,
): NotificationCommand {
  const base = { claim: claim.id, until: claim.until, now };
  const goes = new Set(ready.map((it) => it.n));
  if (claim.kind === 'recover') {
    const given = judged.outcomes.filter((it) => !goes.has(it.n));
    const later = given.flatMap((it) => (it.plan === 'defer' ? [{ n: it.n, at: it.until }] : []));
    const unknown = given.filter((it) => it.plan !== 'defer').map((it) => it.n);
    return { type: 'RecoverDeliveries', data: { ...base, again: started, unknown, later } };
  }
  // Whoever comes to it first cancels it: what is redriven after its batch has told its notifications would wait for ever.
  if (judged.isCancelled) return { type: 'CancelNotification', data: { now } };
  const all = judged.outcomes.map((it): Outcome => failedOutcome(it, failed.get(it.n)));
  const inFirst = new Set(started.flatMap((group) => group.items));
  const later = ready.map((it) => it.n).filter((n) => !inFirst.has(n));
  // A hand-off that is due again has its plan in the log: only what a gate changed is planned anew.
  const outcomes = claim.kind === 'plan' ? all : all.filter((it) => it.plan !== 'go');
  const asks = claim.kind === 'plan' && later.length > 0 ? [{ items: later, at: now }] : [];
  return { type: 'PlanDeliveries', data: { ...base, outcomes, start: started, later: asks } };
}

const failedOutcome = (outcome: Outcome, code: string | undefined): Outcome =>
  code === undefined ? outcome : { n: outcome.n, trace: outcome.trace, plan: 'fail', code };

function onlyOf(alive: ReadonlySet<Job>, batches: readonly SubBatch[]): readonly SubBatch[] {
  return batches
    .map(({ provider, parcels }) => ({ provider, parcels: parcels.filter(({ job }) => alive.has(job)) }))
    .filter(({ parcels }) => parcels.length > 0);
}

function countOutcomes(ports: DispatchPorts, rendered: readonly RenderedJob[]): void {
  const counts: Record<string, number> = {};
  for (const { outcomes } of rendered.map(({ judged }) => judged)) {
    for (const it of outcomes) {
      const name = 'code' in it ? it.code : it.plan;
      counts[name] = (counts[name] ?? 0) + 1;
    }
  }
  ports.watch.planned(counts);
}
