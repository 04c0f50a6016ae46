import type { Mutant } from '../mutant.ts';

const domainTest = 'test/domain/notification/handOff.test.ts';
const notificationTest = 'test/domain/notification/notification.test.ts';
const handOffTest = 'test/processes/dispatch/handOff.test.ts';
const racesTest = 'test/processes/dispatch/races.test.ts';
const gatesTest = 'test/processes/dispatch/gates.test.ts';
const retryTest = 'test/domain/policy/retry.test.ts';

/** The hand-off protocol (docs/architecture.md). */
export const handOffMutants: readonly Mutant[] = [
  {
    name: 'hand-off: a start is appended at whatever revision the stream has by now',
    file: 'src/processes/dispatch/writer.ts',
    find: '} else if (result.conflict) conflicts.push(it);',
    put: `} else if (result.conflict) {
        it.job.revision = Number(result.actual);
        again.push(it);
      }`,
    killedBy: racesTest,
    testName: 'a cancellation that comes before anything was started, wins: nothing leaves',
  },
  {
    name: 'hand-off: an answer that met a conflict is dropped',
    file: 'src/processes/dispatch/writer.ts',
    find: 'open = conflicts.length > 0 ? await reload(conflicts) : [];',
    put: 'open = [];',
    killedBy: racesTest,
    testName: 'a cancellation that comes while an operator’s word and another worker write too, waits its turn and loses nothing',
  },
  {
    name: 'hand-off: a claim that ran out goes on without having declared whom it concerns',
    file: 'src/processes/dispatch/effects.ts',
    find: 'if (!(await ports.claims.declare(claim.id, subjects, keys.flat()))) {',
    put: 'if ((await ports.claims.declare(claim.id, subjects, keys.flat())) === undefined) {',
    killedBy: handOffTest,
    testName: 'a claim that has run out before it could declare whom it concerns, does nothing',
  },
  {
    name: 'hand-off: facts are read before the claim says whom it concerns',
    file: 'src/processes/dispatch/effects.ts',
    find: `  if (!(await ports.claims.declare(claim.id, subjects, keys.flat()))) {
    ports.watch.dropped('claim_over', jobs.length);
    return [];
  }
  const rendered = await Promise.all(
    opened.map(async ({ tenant, group }) => renderJobs(ports, tenant, await judgeDeliveries(ports, { tenant, group, now }))),
  );`,
    put: `  const rendered = await Promise.all(
    opened.map(async ({ tenant, group }) => renderJobs(ports, tenant, await judgeDeliveries(ports, { tenant, group, now }))),
  );
  if (!(await ports.claims.declare(claim.id, subjects, keys.flat()))) {
    ports.watch.dropped('claim_over', jobs.length);
    return [];
  }`,
    killedBy: racesTest,
    testName: 'an opt-out finds the claim by subject and address from before the facts are read until the claim ends',
  },
  {
    name: 'hand-off: a provider is called that may take longer than the claim lasts',
    file: 'src/processes/dispatch/handOff.ts',
    find: 'if (epochMsOf(until) - began <= provider.deadlineMs) {',
    put: 'if (epochMsOf(until) < 0) {',
    killedBy: handOffTest,
    testName: 'a claim that has run out before the call, does not call and says so; the next claim does',
  },
  {
    name: 'hand-off: what was not started for this claim is sent',
    file: 'src/processes/dispatch/handOff.ts',
    find: 'ready.filter((it) => isMine(job, it.n, claim.id))',
    put: "ready.filter((it) => isMine(job, it.n, claim.id) || job.stream !== '')",
    killedBy: racesTest,
    testName: 'a cancellation that comes between two sub-batches, lets the second never start',
  },
  {
    name: 'hand-off: more is on its way than the window of the provider',
    file: 'src/processes/dispatch/permits.ts',
    find: 'head !== undefined && head.count <= free;',
    put: 'head !== undefined;',
    killedBy: handOffTest,
    testName: 'sub-batches several claims of one process never have more on their way than the window',
  },
  {
    name: 'hand-off: a repeat goes under a new key of the provider',
    file: 'src/processes/dispatch/rendering.ts',
    find: 'key: `${deliveryId}.${it.attempt}`',
    put: 'key: `${deliveryId}.${it.starts + 1}`',
    killedBy: racesTest,
    testName: 'a worker that dies with a start in the log and a message that the provider took: with one that takes keys',
  },
  {
    name: 'hand-off: an open outcome is sought from another provider',
    file: 'src/processes/planning/judgeDeliveries.ts',
    find: "bound: it.doubt || it.status === 'open' ? it.provider : undefined",
    put: 'bound: undefined',
    killedBy: handOffTest,
    testName: 'an answer of an open outcome is sought from the same provider, though another is first by now',
  },
  {
    name: 'hand-off: a row that is older than the log is carried out',
    file: 'src/processes/dispatch/load.ts',
    find: 'it.until === undefined || it.until <= now;',
    put: 'it.until === undefined || it.until <= now || now !== undefined;',
    killedBy: racesTest,
    testName: 'what is not carried out a retry is not made before it is due, though an older row of it is still there',
  },
  {
    name: 'hand-off: an acceptance does not win over what the log says by now',
    file: 'src/domain/notification/handOff.ts',
    find: "  if (answer.outcome === 'accepted') {",
    put: "  if (!isNewest(it, command.claim)) return undefined;\n  if (answer.outcome === 'accepted') {",
    killedBy: domainTest,
    testName: 'an answer that comes late an acceptance counts, whatever the log says by now',
  },
  {
    name: 'hand-off: a late failure overwrites a newer attempt',
    file: 'src/domain/notification/handOff.ts',
    find: 'if (!isNewest(it, command.claim)) return undefined;',
    put: '',
    killedBy: domainTest,
    testName: 'an answer that comes late anything else says nothing that the log does not know better',
  },
  {
    name: 'hand-off: a late failure in the log counts when it is folded',
    file: 'src/domain/notification/evolve.ts',
    find: "if (group.result !== 'sent' && !isNewest(it, data.claim)) continue;",
    put: '',
    killedBy: domainTest,
    testName: 'an answer that comes late and if such a result stood in the log all the same, it would change nothing',
  },
  {
    name: 'hand-off: the next sub-batch starts what was cancelled or started elsewhere',
    file: 'src/domain/notification/handOff.ts',
    find: "it !== undefined && WORK[it.status] === 'handOff' && it.starts === starts && it.attempt === attempt;",
    put: 'it !== undefined && it.attempt === attempt && starts !== undefined;',
    killedBy: domainTest,
    testName: 'the start of the next sub-batch leaves out what was cancelled, and what was started elsewhere since',
  },
  {
    name: 'hand-off: doubt is forgotten, and the attempt counts on after a time-out',
    file: 'src/domain/notification/evolve.ts',
    find: '({ attempt: it.doubt ? it.attempt : it.attempt + 1 })',
    put: '({ attempt: it.attempt + 1 })',
    killedBy: domainTest,
    testName: 'a start without an answer of its own keeps the key, whatever later starts say',
  },
  {
    name: 'hand-off: what may have been sent ends as cancelled',
    file: 'src/domain/notification/evolve.ts',
    find: "become(it, it.doubt ? 'unknown' : status);",
    put: 'become(it, status);',
    killedBy: domainTest,
    testName: 'a start without an answer of its own ends as unknown where it would end as cancelled',
  },
  {
    name: 'hand-off: a cancellation overwrites an open start',
    file: 'src/domain/notification/notification.ts',
    find: "WORK[it.status] === 'plan' || WORK[it.status] === 'handOff';",
    put: 'WORK[it.status] !== undefined;',
    killedBy: notificationTest,
    testName: 'cancelling ends what waits and marks what is in flight',
  },
  {
    name: 'hand-off: a gate overwrites an open start',
    file: 'src/domain/notification/plan.ts',
    find: "status === 'left' || WORK[status] === 'plan' || WORK[status] === 'handOff';",
    put: "status === 'left' || WORK[status] !== undefined;",
    killedBy: notificationTest,
    testName: 'planning what is in flight or has ended is never overwritten by what a gate says',
  },
  {
    name: 'hand-off: a type that holds is asked again without keys',
    file: 'src/domain/notification/plan.ts',
    find: '(takesKeys || !hold) && !it.unwanted &&',
    put: '!it.unwanted &&',
    killedBy: domainTest,
    testName: 'an answer to the newest open start no answer, without keys, of a type that holds: unknown',
  },
  {
    name: 'hand-off: what was cancelled in flight is tried again',
    file: 'src/domain/notification/handOff.ts',
    find: "if (it.unwanted) return { ...coded, result: 'cancelled' };",
    put: '',
    killedBy: domainTest,
    testName: 'what was cancelled while in flight is not tried again',
  },
  {
    name: 'retries: without limit',
    file: 'src/domain/notification/handOff.ts',
    find: '(counts && it.tries + 1 >= maxTries) ||',
    put: '(counts && it.tries + 1 >= maxTries * 1_000_000) ||',
    killedBy: domainTest,
    testName: 'when the tries are used up a refusal for now is a dead letter',
  },
  {
    name: 'retries: of what does not count as a try without limit',
    file: 'src/domain/notification/handOff.ts',
    find: '|| it.starts - it.spent >= maxStarts;',
    put: '|| maxStarts < 0;',
    killedBy: domainTest,
    testName: 'when the tries are used up but not beyond the most starts, nor does one that is never called',
  },
  {
    name: 'retries: without jitter',
    file: 'src/domain/policy/retry.ts',
    find: '+ jitter * ceiling;',
    put: '+ (jitter < 0 ? 0 : ceiling);',
    killedBy: retryTest,
    testName: 'when to try again after 0 tries and a draw of 0.5',
  },
  {
    name: 'retries: Retry-After is not heeded',
    file: 'src/domain/policy/retry.ts',
    find: 'Math.min(Math.max(retryAfterMs, 0), policy.capMs) + jitter',
    put: 'Math.min(Math.max(retryAfterMs, 0), 0) + jitter',
    killedBy: retryTest,
    testName: 'when to try again what the provider asks for is the least, and the draw comes on top',
  },
  {
    name: 'reservations: taken over from what was sent',
    file: 'src/processes/planning/reserve.ts',
    find: "new Set(['suppressed',",
    put: "new Set(['sent', 'suppressed',",
    killedBy: 'test/processes/planning/reserve.test.ts',
    testName: 'what was sent keeps its reservation for the window, whoever looks into its log',
  },
  {
    name: 'reservations: taken over from what may have been sent',
    file: 'src/processes/planning/reserve.ts',
    find: "'cancelled', 'failed',",
    put: "'unknown', 'cancelled', 'failed',",
    killedBy: gatesTest,
    testName: 'a dedup key of an unknown outcome counts as used',
  },
  {
    name: 'reservations: not taken over from what ended unsent',
    file: 'src/processes/planning/reserve.ts',
    find: 'await ask(await inVain(ports.log, await ask(wanted)));',
    put: 'await ask(wanted);',
    killedBy: gatesTest,
    testName: 'a dedup key is free for the next when the delivery that had it was cancelled',
  },
  {
    name: 'reservations: taken over from somebody else than was looked at',
    file: 'src/adapters/postgres/reservations.ts',
    find: 'and w.holder = r.delivery and w.held = r.until)',
    put: 'and w.holder is not null)',
    killedBy: 'test/adapters/postgres/reservations.test.ts',
    testName: 'a key held in vain is taken over, as long as it is held as it was seen',
  },
  {
    name: 'hand-off: a batch that is paused meanwhile is not looked at',
    file: 'src/processes/dispatch/pauseWatch.ts',
    find: 'return found?.some((states) => [...states.values()].some(({ status }) => isHeld(status))) ?? true;',
    put: 'return found === undefined;',
    killedBy: 'test/processes/dispatch/pauseWatch.test.ts',
    testName:
      'a batch that is paused while a group of it is handed off is left where it is; what was out is recorded, and the rest goes when it is resumed',
  },
  {
    name: 'hand-off: it goes on though nobody knows whether its batch is paused',
    file: 'src/processes/dispatch/pauseWatch.ts',
    find: 'isHeld(status))) ?? true;',
    put: 'isHeld(status))) ?? false;',
    killedBy: 'test/processes/dispatch/pauseWatch.test.ts',
    testName: 'a batch that is paused while a group of it is handed off and cannot be read starts nothing more, and loses no answer',
  },
  {
    name: 'hand-off: the batch is looked at before every call',
    file: 'src/processes/dispatch/pauseWatch.ts',
    find: '|| clock.epochMs() - looked < LOOK_MS',
    put: '|| clock.epochMs() < looked',
    killedBy: 'test/processes/dispatch/pauseWatch.test.ts',
    testName: 'a batch that is paused while a group of it is handed off is looked for a few times a second, not before every call',
  },
  {
    name: 'hand-off: what a group has planned and not started is for others at once',
    file: 'src/processes/dispatch/process.ts',
    find: "({ ...ask(data, 'handOff', later, at), heldBy: claim })",
    put: "ask(data, 'handOff', later, at)",
    killedBy: 'test/processes/dispatch/handOff.test.ts',
    testName: 'sub-batches what does not go at once is nobody else’s while its group lives: it is not composed twice',
  },
  {
    name: 'actions: a row does not heed who left it',
    file: 'src/processes/actionsConsumer.ts',
    find: 'coalesce(c.until, due_at), c.id',
    put: 'due_at, c.id',
    killedBy: 'test/processes/drainer.test.ts',
    testName: 'after an effect what a living group has planned and not started yet is its own, until what it wrote has been read',
  },
  {
    name: 'reservations: what a plan says is held is not made again',
    file: 'src/processes/actionsConsumer.ts',
    find: 'if (reserved.length > 0) await keepReservations(reserved, tx);',
    put: '',
    killedBy: 'test/processes/planning/keepReservations.test.ts',
    testName: 'the table of reservations is made again by the consumer of actions, for which drainers wait',
  },
  {
    name: 'reservations: an older holder comes back',
    file: 'src/processes/planning/keepReservations.ts',
    find: ' and r.since < excluded.since',
    put: '',
    killedBy: 'test/processes/planning/keepReservations.test.ts',
    testName: 'the table of reservations never goes back to an older holder',
  },
];
