import type { Mutant } from '../mutant.ts';

const adapter = (file: string): string => `src/adapters/eventstore/eventstoredb/${file}.ts`;
const contract = 'test/adapters/eventstore/eventstoredb.test.ts';
const faults = 'test/adapters/eventstore/eventstoredbFaults.test.ts';
const reads = 'test/adapters/eventstore/eventstoredbReads.test.ts';
const names = 'test/adapters/eventstore/eventstoredbNames.test.ts';
const shared = 'installations that share a server';

/** The log in an EventStoreDB. */
export const eventStoreDbMutants: readonly Mutant[] = [
  {
    name: 'eventstoredb: an append expects no revision',
    file: adapter('appends'),
    find: "write.at === 'absent' ? NO_STREAM : BigInt(write.at);",
    put: "'any';",
    killedBy: contract,
    testName:
      'alone on its server as an event store appending any other expectation is a conflict that tells the actual revision, and writes nothing',
  },
  {
    name: 'eventstoredb: the server makes up the ids of events',
    file: adapter('wire'),
    find: "return { id, type, contentType: 'application/json'",
    put: "return { id: globalThis.crypto.randomUUID(), type, contentType: 'application/json'",
    killedBy: contract,
    testName: 'alone on its server as an event store appending appends at the exact revision continue the stream',
  },
  {
    name: 'eventstoredb: JSON that the client would write otherwise is given to it',
    file: adapter('wire'),
    find: 'if (JSON.stringify(parsed[0]) === data && JSON.stringify(parsed[1]) === metadata && isObject(parsed[1])) {',
    put: 'if (parsed.length > 0) {',
    killedBy: contract,
    testName: 'alone on its server as an event store refusing text comes back as it was given white space and the order of members',
  },
  {
    name: 'eventstoredb: a server whose clock differs by a minute refuses every append',
    file: adapter('appends'),
    find: 'requiresLeader: true, deadline: A_WEEK_MS };',
    put: 'requiresLeader: true, deadline: 60_000 };',
    killedBy: 'test/adapters/eventstore/eventstoredbClock.test.ts',
    testName: 'a clock that is a day behind the server’s keeps nothing from being written or read',
  },
  {
    name: 'eventstoredb: an append whose outcome is open is not sent again',
    file: adapter('appends'),
    find: 'if (verdict !== undefined) return pending.settle(verdict);',
    put: "return pending.settle(verdict ?? failed(new PortError('unavailable', 'append_open', '')));",
    killedBy: faults,
    testName: 'an append whose outcome is open is sent again and lands once when the replies to 1,000 of them are lost',
  },
  {
    name: 'eventstoredb: a subscription that stalls is waited for',
    file: adapter('subscription'),
    find: 'if (isMissing && this.#isMissing) throw',
    put: 'if (isMissing && !isMissing) throw',
    killedBy: faults,
    testName: 'a subscription that stalls without a word is noticed and replaced: 20 of 20',
  },
  {
    name: 'eventstoredb: a page ends where its first call does, with most of what passes still behind it',
    file: adapter('reads'),
    find: "if (end !== 'more' || examined >= limits.window)",
    put: 'if (end.length > 0)',
    killedBy: reads,
    testName: 'a page asks for more where the filter lets little pass',
  },
  {
    name: 'eventstoredb: a node that lies behind is read',
    file: adapter('reads'),
    find: 'readAll({ ...options, requiresLeader: true })',
    put: 'readAll({ ...options, requiresLeader: false })',
    killedBy: reads,
    testName:
      'where several nodes hold the log what is read and followed is what the leader has: one that lies behind is no log from an older backup',
  },
  {
    name: 'eventstoredb: the mark of what was deleted is an event',
    file: adapter('wire'),
    find: "event.type.startsWith('$') ? undefined : names",
    put: 'names',
    killedBy: reads,
    testName: 'a subscription brings what a page has and not the mark of a stream that was deleted',
  },
  {
    name: 'eventstoredb: installations on one server read one another',
    file: adapter('names'),
    find: "return name.startsWith('$') || isOfSome(name) ? undefined : (name as StreamName);",
    put: 'return name as StreamName;',
    killedBy: names,
    testName: `${shared} have the same stream each for itself, and read no events of one another, however they ask`,
  },
  {
    name: 'eventstoredb: a stream can be named like one of another installation',
    file: adapter('names'),
    find: '    if (isOfSome(stream)) throw',
    put: '    if (stream === SEPARATOR) throw',
    killedBy: names,
    testName: `${shared} take no stream name that would be taken for one of another installation`,
  },
];
