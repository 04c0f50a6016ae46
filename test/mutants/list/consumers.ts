import type { Mutant } from '../mutant.ts';

const consumerTest = 'test/consumers/consumer.test.ts';
const leaseTest = 'test/consumers/lease.test.ts';
const waitTest = 'test/consumers/waitFor.test.ts';
const drainerTest = 'test/processes/drainer.test.ts';

/** Read models, the table of actions, and who may write them. */
export const consumerMutants: readonly Mutant[] = [
  {
    name: 'consumers: rows are written outside the transaction of the checkpoint',
    file: 'src/consumers/applying.ts',
    find: 'await consumer.apply(fit, tx, held.lease.suffix);',
    put: 'await consumer.apply(fit, db, held.lease.suffix);',
    killedBy: consumerTest,
    testName: 'taking batches in what fails between rows and checkpoint leaves neither, and is applied once afterwards',
  },
  {
    name: 'consumers: the checkpoint moves before the rows, outside their transaction',
    file: 'src/consumers/applying.ts',
    find: `        if (fit.length > 0) await consumer.apply(fit, tx, held.lease.suffix);
        await park(tx, held.lease, aside);
        await moveCheckpoint(tx, held.lease, { from, to: upTo, applied, caughtUp, leaseMs, awaited: isAwaited(held.wants, upTo) });`,
    put: `        await moveCheckpoint(db, held.lease, { from, to: upTo, applied, caughtUp, leaseMs, awaited: isAwaited(held.wants, upTo) });
        if (fit.length > 0) await consumer.apply(fit, tx, held.lease.suffix);
        await park(tx, held.lease, aside);`,
    killedBy: consumerTest,
    testName: 'taking batches in what fails between rows and checkpoint leaves neither, and is applied once afterwards',
  },
  {
    name: 'consumers: what follows a parked event in its stream is applied',
    file: 'src/consumers/applying.ts',
    find: 'if (streams.has(event.stream)) aside.push(',
    put: "if (event.id === '') aside.push(",
    killedBy: consumerTest,
    testName: 'poison is parked by code alone, its stream waits behind it, other streams go on',
  },
  {
    name: 'consumers: an event of a facts stream may be skipped',
    file: 'src/consumers/parking.ts',
    find: "if (wish === 'skip' && rows.some(({ facts }) => facts)) return 'facts';",
    put: '',
    killedBy: consumerTest,
    testName: 'poison of a facts stream cannot be skipped',
  },
  {
    name: 'leases: the epoch is not checked when the checkpoint moves',
    file: 'src/consumers/lease.ts',
    find: 'and epoch = $3 and position is not distinct from $4',
    put: 'and $3::int is not null and position is not distinct from $4',
    killedBy: leaseTest,
    testName: 'a lease whose epoch has passed moves no checkpoint and cannot be renewed',
  },
  {
    name: 'leases: the checkpoint moves from wherever it stands',
    file: 'src/consumers/lease.ts',
    find: 'and position is not distinct from $4 and',
    put: "and coalesce($4::text, '') is not null and",
    killedBy: leaseTest,
    testName: 'a lease moves the checkpoint only from where its holder believes it to be',
  },
  {
    name: 'leases: one that another holds is taken',
    file: 'src/consumers/lease.ts',
    find: 'and (holder is null or holder = $3 or lease_until < tidings_now())',
    put: '',
    killedBy: leaseTest,
    testName: 'a lease has one holder until it runs out',
  },
  {
    name: 'reading: a wait for a position answers at once',
    file: 'src/consumers/waitFor.ts',
    find: "if (found && !isBefore(found.position, after)) return 'reached';",
    put: "if (found) return 'reached';",
    killedBy: waitTest,
    testName: 'a write is read after its position was waited for',
  },
  {
    name: 'reading: what is parked is waited for as if it came',
    file: 'src/consumers/waitFor.ts',
    find: "if (found && stream !== undefined && found.parked.includes(stream)) return 'parked';",
    put: '',
    killedBy: waitTest,
    testName: 'a stream that is parked does not come by waiting; others do',
  },
  {
    name: 'reading: ?after= answers whether or not the read model has it',
    file: 'src/http/serve.ts',
    find: 'if (await ports.waitFor.reached(trusted<Position>(after), operation.reads, CATCH_UP_MS)) return undefined;',
    put: 'if ((await ports.waitFor.reached(trusted<Position>(after), operation.reads, CATCH_UP_MS)) !== undefined) return undefined;',
    killedBy: 'test/http/manners.test.ts',
    testName: 'reading what is not there in time is 503 not_caught_up',
  },
  {
    name: 'actions: a claim takes nothing from others',
    file: 'src/adapters/postgres/actions/claiming.ts',
    find: 'update actions a set claim = $1, run_at = m.until from chosen c',
    put: 'update actions a set claim = $1, run_at = a.run_at from chosen c',
    killedBy: drainerTest,
    testName: 'claiming a claim that ran out is free again; until then nobody else gets its actions',
  },
  {
    name: 'actions: who has written and who has read do not see each other',
    file: 'migrations/models/0013_finished_claims.sql',
    find: "  perform pg_advisory_xact_lock_shared(hashtextextended('tidings actions read', 0));\n",
    put: '',
    killedBy: drainerTest,
    testName: 'after an effect what it left is free when both speak at the same moment',
  },
  {
    name: 'actions: what a group left waits for the end of its claim when the consumer was faster',
    file: 'migrations/models/0013_finished_claims.sql',
    find: "name = 'actions' and state = 'live' and position >= upto",
    put: "name = 'actions' and state = 'live' and position > upto",
    killedBy: drainerTest,
    testName: 'after an effect what it left is free at once when the consumer was faster than the drainer',
  },
  {
    name: 'actions: nobody hears of what is free again',
    file: 'migrations/models/0013_finished_claims.sql',
    find: "    perform pg_notify('tidings_actions', '');\n",
    put: '    null;\n',
    killedBy: drainerTest,
    testName: 'after an effect a drainer that sleeps hears of what is free again',
  },
  {
    name: 'actions: drainers work while the table is being built',
    file: 'src/adapters/postgres/actions/claiming.ts',
    find: "where exists (select from consumers c where c.name = 'actions' and c.state = 'live' and c.caught_up_at is not null and c.stopped is null)",
    put: '',
    killedBy: drainerTest,
    testName: 'claiming stands still while the table of actions is being built',
  },
  {
    name: 'actions: a tenant takes more than its share',
    file: 'src/adapters/postgres/actions/claiming.ts',
    find: 'limit greatest(1, $4::int / (select count(*) from due))',
    put: 'limit $4::int',
    killedBy: drainerTest,
    testName: 'claiming tenants take turns, however much one of them has waiting',
  },
  {
    name: 'actions: what breaks off since the process stops counts as a try',
    file: 'src/processes/drainer.ts',
    find: "queue.putOff(id, { delayMs: 0, code: 'stopping', counted: false, tries });",
    put: "queue.putOff(id, { delayMs: 0, code: 'stopping', counted: true, tries });",
    killedBy: drainerTest,
    testName: 'a drainer what breaks off because it is told to is due again at once, and that is no failed try',
  },
  {
    name: 'actions: a claim that has ended stands in the way of an opt-out',
    file: 'src/adapters/postgres/actions/liveClaims.ts',
    find: 'where until > tidings_now() and done is null and (subjects',
    put: 'where done is null and (subjects',
    killedBy: drainerTest,
    testName: 'the handshake a claim that ran out stands in nobody’s way, and is removed',
  },
  {
    name: 'actions: an opt-out does not wait for claims that name the person',
    file: 'src/processes/settleHandOffs.ts',
    find: 'while (live.length > 0) {',
    put: 'while (live.length < 0) {',
    killedBy: drainerTest,
    testName: 'the handshake answers pending past its bound, or when the facts stream is parked',
  },
  {
    name: 'actions: a cancellation forgets the recovery of what is in flight',
    file: 'src/processes/dispatch/process.ts',
    find: `      case 'NotificationCancelled':
        return [settle(event.data, ['plan', 'handOff'], event.data.items)];`,
    put: `      case 'NotificationCancelled':
        return [settle(event.data, ['plan', 'handOff', 'recover'], event.data.items)];`,
    killedBy: 'test/processes/dispatch/process.test.ts',
    testName:
      'each event asks for what it leaves to be done and settles what it did a cancellation: nothing of what it ends; never a recovery',
  },
  {
    name: 'actions: what is in work is not told that the process stops',
    file: 'src/processes/drainer.ts',
    find: '      stopping.abort();\n',
    put: '',
    killedBy: drainerTest,
    testName: 'a drainer tells what is in work to leave off when it stops',
  },
  {
    name: 'actions: what another was faster with waits for the end of its claim',
    file: 'src/processes/drainer.ts',
    find: "if (ended !== 'overtaken') return",
    put: 'return',
    killedBy: drainerTest,
    testName: 'after an effect that was overtaken its actions are due again soon, and that is no failed try',
  },
  {
    name: 'actions: what left off before it wrote anything waits for the end of its claim',
    file: 'src/processes/drainer.ts',
    find: "if (isStopping && (ended === 'nothing' || ended === 'overtaken')) return putBack(claim);",
    put: '',
    killedBy: drainerTest,
    testName:
      'a drainer what leaves off before it has written anything because it is told to is due again at once, and that is no failed try',
  },
  {
    name: 'leases: the rate of an idle consumer becomes a number that no column takes',
    file: 'src/consumers/lease.ts',
    find: 'Math.floor(((before + (events * 1_000) / ms) / 2) * 1_000) / 1_000;',
    put: '(before + (events * 1_000) / ms) / 2;',
    killedBy: leaseTest,
    testName: 'a lease can be renewed however long nothing happens: the rate ends at nothing',
  },
];
