import type { Mutant } from '../mutant.ts';

const gatesTest = 'test/processes/dispatch/gates.test.ts';

/** Who gets what, and whether it really goes. */
export const gateMutants: readonly Mutant[] = [
  {
    name: 'gates: the allowlist is not heeded',
    file: 'src/domain/policy/gates.ts',
    find: '  return allowlisted\n',
    put: '  return allowlisted !== undefined\n',
    killedBy: gatesTest,
    testName: 'the other gates an address that is not on the allowlist of this installation is not written to',
  },
  {
    name: 'gates: marketing goes without a consent',
    file: 'src/domain/policy/gates.ts',
    find: "if (kind !== 'marketing') return pass(",
    put: "if (kind !== 'marketing' || provider !== '') return pass(",
    killedBy: gatesTest,
    testName: 'the other gates marketing reaches nobody without a recorded consent, but may be captured',
  },
  {
    name: 'gates: what has expired goes',
    file: 'src/domain/policy/gates.ts',
    find: 'return expiresAt <= now\n',
    put: "return expiresAt <= ''\n",
    killedBy: gatesTest,
    testName: 'what has expired is suppressed when its turn comes',
  },
  {
    name: 'gates: what is scheduled goes at once',
    file: 'src/domain/policy/gates.ts',
    find: 'return scheduledFor <= now\n',
    put: "return scheduledFor !== ''\n",
    killedBy: gatesTest,
    testName: 'a schedule in each recipient’s zone lets everyone have it at their own time',
  },
  {
    name: 'gates: a paused batch goes on',
    file: 'src/domain/values/batchStatus.ts',
    find: "status === 'paused' || status === 'cancelled';",
    put: "status === 'cancelled';",
    killedBy: 'test/domain/policy/gates.test.ts',
    testName: 'the judgement of those who say later the last instant counts',
  },
  {
    name: 'gates: the reservation of another does not count',
    file: 'src/domain/policy/gates.ts',
    find: "return reservation === 'reserved'\n",
    put: "return reservation === 'reserved' || reservation === 'taken'\n",
    killedBy: gatesTest,
    testName: 'a dedup key lets one message through within its window, and the next after it',
  },
  {
    name: 'gates: a person who was erased is written to at the address that is left',
    file: 'src/processes/planning/judgeDeliveries.ts',
    find: "address: person.erased ? 'erased' : address &&",
    put: 'address: address &&',
    killedBy: gatesTest,
    testName: 'the other gates whoever has been erased is not written to, whatever was sealed for them',
  },
  {
    name: 'test mode: a key of test mode sends for real',
    file: 'src/compose/providers.ts',
    find: "if (mode === 'test') return capture;",
    put: '',
    killedBy: 'test/compose/providers.test.ts',
    testName: 'what a key of test mode sends is captured, whatever the channel has, also where another provider may have it',
  },
  {
    name: 'catalogue: a request changes the category that the type has',
    file: 'src/domain/policy/terms.ts',
    find: 'const chosen = type?.category ?? category;\n',
    put: 'const chosen = category ?? type?.category;\n',
    killedBy: 'test/domain/policy/terms.test.ts',
    testName: 'the category may be repeated, and never be another than the type says',
  },
];
