import type { Mutant } from '../mutant.ts';

const healthTest = 'test/e2e/processHealth.test.ts';
const admissionTest = 'test/http/admission.test.ts';
const loadTest = 'test/http/load.test.ts';
const wireTest = 'test/http/wire.test.ts';

/** What bounds the load that others bring. */
export const loadMutants: readonly Mutant[] = [
  {
    name: 'admission: one tenant takes all places for uploads',
    file: 'src/http/admission.ts',
    find: "if (taken.uploads > limits.uploads - uploads) return overloaded('Too many uploads of this tenant are under way');",
    put: '',
    killedBy: loadTest,
    testName: 'load whoever sends slowly on all places for uploads that it gets locks out no other tenant',
  },
  {
    name: 'admission: however long commands wait, more are let in',
    file: 'src/http/admission.ts',
    find: "if (kind === 'command' && allWait()) return 'Commands wait too long';",
    put: '',
    killedBy: admissionTest,
    testName: 'commands that all have to wait are few at once; one that is slow by itself says nothing',
  },
  {
    name: 'admission: more that is due than can be counted at every look is not counted',
    file: 'src/compose/countedActions.ts',
    find: 'due: Math.max(some.due, many)',
    put: 'due: some.due',
    killedBy: 'test/compose/countedActions.test.ts',
    testName: 'admission hears when more is due than it allows',
  },
  {
    name: 'admission: the log’s queue is full before admission hears of it',
    file: 'src/http/admission.ts',
    find: 'bytesWaiting: 32_000_000,',
    put: 'bytesWaiting: 67_108_864,',
    killedBy: admissionTest,
    testName: 'the log’s queue is never full before admission lets nobody in: it has room for those who are in already',
  },
  {
    name: 'admission: one slow command counts as a queue',
    file: 'src/http/admission.ts',
    find: 'ms: Math.min(last.ms, ms) }',
    put: 'ms: Math.max(last.ms, ms) }',
    killedBy: admissionTest,
    testName: 'commands that all have to wait are few at once; one that is slow by itself says nothing',
  },
  {
    name: 'admission: the time that callers take for their bodies counts as a queue',
    file: 'src/http/admission.ts',
    find: '      since = undefined;\n      const value = await read();\n      since = clock.epochMs();\n',
    put: '      const value = await read();\n',
    killedBy: admissionTest,
    testName: 'the time that a caller takes for its body is no queue',
  },
  {
    name: 'admission: what is refused at once hides the queue',
    file: 'src/http/admission.ts',
    find: "if (kind === 'command' && ms !== undefined && isTelling(status, ms))",
    put: "if (kind === 'command' && ms !== undefined && status > 0)",
    killedBy: admissionTest,
    testName: 'one that is refused at once says nothing of those who wait, one that had to wait does',
  },
  {
    name: 'admission: whoever is gone early keeps the place of an upload for ever',
    file: 'src/http/serve.ts',
    find: 'if (res.closed) share();\n    else res.once',
    put: 'res.once',
    killedBy: loadTest,
    testName: 'load whoever is gone before it is known who it was leaves no place taken',
  },
  {
    name: 'uploads: one that trickles may go on for ever',
    file: 'src/http/wire.ts',
    find: 'left -= Math.max(0, time.epochMs() - began);',
    put: '',
    killedBy: wireTest,
    testName: 'an upload that trickles is ended, however often it brings something and however much it brought at first',
  },
  {
    name: 'uploads: what came fast at first buys time for a trickle',
    file: 'src/http/wire.ts',
    find: 'left = Math.min(graceMs, left + (bytes / bytesPerSecond) * 1000);',
    put: 'left += (bytes / bytesPerSecond) * 1000;',
    killedBy: wireTest,
    testName: 'an upload that trickles is ended, however often it brings something and however much it brought at first',
  },
  {
    name: 'uploads: one that falls silent is waited for as long as it has paid for',
    file: 'src/http/wire.ts',
    find: 'time.after(Math.min(idleMs, left), run)',
    put: 'time.after(left, run)',
    killedBy: wireTest,
    testName: 'one that falls silent is ended, however much it has brought',
  },
  {
    name: 'threads: the API shares one with the work of the other roles',
    file: 'src/compose/service.ts',
    find: "roles.length > 1 && eventStore !== 'memory'",
    put: "roles.length > 9 && eventStore !== 'memory'",
    killedBy: 'test/e2e/apart.test.ts',
    testName:
      'a process that has all roles answers and accepts also while the thread that sends stands still, and says that it does not live',
  },
  {
    name: 'threads: the end of the thread that serves the API is not told',
    file: 'src/compose/startApiThread.ts',
    find: 'if (isWanted) lost(ENDED);',
    put: 'isWanted = false;',
    killedBy: 'test/compose/startApiThread.test.ts',
    testName: 'a thread that ends unasked is told of: nobody answers any more',
  },
  {
    name: 'threads: one that hangs counts as live',
    file: 'src/compose/asking.ts',
    find: "reject(new PortError('unavailable', 'thread_silent', 'another thread of this process does not answer'));",
    put: 'resolve(undefined as never);',
    killedBy: 'test/compose/asking.test.ts',
    testName: 'a thread that says nothing is told of, and does not keep whoever asked',
  },
  {
    name: 'readiness: a worker without keys is ready',
    file: 'src/compose/observing.ts',
    find: "...(reads ? [check('keys', () => keysMissing(databases))] : []),",
    put: '',
    killedBy: healthTest,
    testName: 'without the keys, whoever opens them is not ready and says so; with them again, it is',
  },
  {
    name: 'readiness: who has not started is ready',
    file: 'src/compose/observing.ts',
    find: "now === 'running' ? undefined : now",
    put: 'undefined',
    killedBy: healthTest,
    testName: 'a worker that waits for read models lives, is not ready, and becomes so',
  },
];
