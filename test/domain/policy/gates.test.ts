import { describe, expect, test } from 'vitest';
import { duplicateVerdict, judge, runGates, type GateFacts } from '../../../src/domain/policy/gates.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import { GATES } from '../../../src/domain/values/verdict.ts';

const now = '2026-11-21T10:00:00.000Z' as Instant;
const later = '2026-11-21T11:00:00.000Z' as Instant;
const before = '2026-11-21T09:00:00.000Z' as Instant;
const FACTS: GateFacts = { now, channel: 'email', class: 'transactional', address: { source: 'profile', version: 3 }, provider: 'smtp' };
const rulings = (more: Partial<GateFacts> = {}) => runGates({ ...FACTS, ...more });
const rulingOf = (gate: string, more: Partial<GateFacts> = {}) => rulings(more).find((it) => it.verdict.gate === gate);

test('every gate has its say, in order; the reservation comes last', () => {
  expect([...rulings(), duplicateVerdict(undefined)].map(({ verdict }) => verdict.gate)).toStrictEqual([
    'address',
    'expiry',
    'schedule',
    'allowlist',
    'consent',
    'batch',
    'duplicate',
  ]);
  const always = GATES.filter((gate) => gate !== 'facts').sort();
  expect([...rulings(), duplicateVerdict(undefined)].map(({ verdict }) => verdict.gate).sort()).toStrictEqual(always);
  expect(rulings().every(({ verdict }) => verdict.verdict === 'pass')).toBe(true);
});

test('where facts are behind, nothing counts but that, and that it has expired', () => {
  const unreached = { address: null, factsAgainAt: later } as const;
  expect(rulings(unreached).map(({ verdict }) => verdict.gate)).toStrictEqual(['facts', 'expiry']);
  expect(judge(rulings(unreached))).toStrictEqual({ plan: 'defer', code: 'facts_unavailable', until: later });
  expect(judge(rulings({ ...unreached, expiresAt: before }))).toStrictEqual({ plan: 'suppress', code: 'expired' });
});

test.each([
  ['address', {}, { verdict: { gate: 'address', verdict: 'pass', because: 'the address stands in the profile', facts: { profile: 3 } } }],
  [
    'address',
    { address: { source: 'request', version: null } },
    { verdict: { gate: 'address', verdict: 'pass', because: 'the request brought the address' } },
  ],
  [
    'address',
    { address: null, channel: 'sms' },
    { verdict: { gate: 'address', verdict: 'suppress', code: 'no_address', because: 'no sms address is known of this person' } },
  ],
  [
    'address',
    { address: 'erased' },
    { verdict: { gate: 'address', verdict: 'suppress', code: 'erased', because: 'the person has been erased' } },
  ],
  ['expiry', {}, { verdict: { gate: 'expiry', verdict: 'pass', because: 'it does not expire' } }],
  [
    'expiry',
    { expiresAt: later },
    { verdict: { gate: 'expiry', verdict: 'pass', because: 'it has not expired', facts: { expiresAt: later } } },
  ],
  [
    'expiry',
    { expiresAt: now },
    {
      verdict: {
        gate: 'expiry',
        verdict: 'suppress',
        code: 'expired',
        because: 'it was due to expire before it could go',
        facts: { expiresAt: now },
      },
    },
  ],
  ['schedule', {}, { verdict: { gate: 'schedule', verdict: 'pass', because: 'it may go at once' } }],
  [
    'schedule',
    { scheduledFor: now },
    { verdict: { gate: 'schedule', verdict: 'pass', because: 'its time has come', facts: { scheduledFor: now } } },
  ],
  [
    'schedule',
    { scheduledFor: later },
    {
      verdict: { gate: 'schedule', verdict: 'defer', code: 'scheduled', because: 'its time has not come', facts: { until: later } },
      until: later,
    },
  ],
  ['allowlist', {}, { verdict: { gate: 'allowlist', verdict: 'pass', because: 'no allowlist is set' } }],
  [
    'allowlist',
    { allowlisted: true },
    { verdict: { gate: 'allowlist', verdict: 'pass', because: 'the address is on the allowlist of this installation' } },
  ],
  [
    'allowlist',
    { allowlisted: false },
    {
      verdict: {
        gate: 'allowlist',
        verdict: 'suppress',
        code: 'not_allowlisted',
        because: 'this installation sends only to the addresses on its allowlist',
      },
    },
  ],
  [
    'allowlist',
    { allowlisted: false, address: null },
    { verdict: { gate: 'allowlist', verdict: 'pass', because: 'there is no address to look for' } },
  ],
  [
    'allowlist',
    { allowlisted: false, address: 'erased' },
    { verdict: { gate: 'allowlist', verdict: 'pass', because: 'there is no address to look for' } },
  ],
  ['consent', { class: 'security' }, { verdict: { gate: 'consent', verdict: 'pass', because: 'a security message needs no consent' } }],
  [
    'consent',
    { class: 'marketing', provider: 'capture' },
    { verdict: { gate: 'consent', verdict: 'pass', because: 'marketing is only captured here and reaches nobody' } },
  ],
  [
    'consent',
    { class: 'marketing' },
    {
      verdict: {
        gate: 'consent',
        verdict: 'suppress',
        code: 'no_consent',
        because: 'marketing needs a recorded consent, and none is on record',
      },
    },
  ],
  ['batch', {}, { verdict: { gate: 'batch', verdict: 'pass', because: 'it belongs to no batch' } }],
  [
    'batch',
    { batch: { status: 'open', recheckAt: later } },
    { verdict: { gate: 'batch', verdict: 'pass', because: 'its batch is not paused' } },
  ],
  [
    'batch',
    { batch: { status: 'closed', recheckAt: later } },
    { verdict: { gate: 'batch', verdict: 'pass', because: 'its batch is not paused' } },
  ],
  [
    'batch',
    { batch: { status: 'paused', recheckAt: later } },
    {
      verdict: { gate: 'batch', verdict: 'defer', code: 'batch_paused', because: 'its batch is paused', facts: { until: later } },
      until: later,
    },
  ],
  [
    'batch',
    { batch: { status: 'cancelled', recheckAt: later } },
    {
      verdict: { gate: 'batch', verdict: 'defer', code: 'batch_paused', because: 'its batch is cancelled', facts: { until: later } },
      until: later,
    },
  ],
] as const)('gate %s with %o', (gate, more, ruling) => {
  expect(rulingOf(gate, more)).toStrictEqual(ruling);
});

test('the reservation: none wanted, got, or held by another', () => {
  expect([undefined, 'reserved' as const, 'taken' as const].map((it) => duplicateVerdict(it).verdict)).toStrictEqual([
    { gate: 'duplicate', verdict: 'pass', because: 'the request names no dedup key' },
    { gate: 'duplicate', verdict: 'pass', because: 'nothing with this dedup key went to this person within the window' },
    {
      gate: 'duplicate',
      verdict: 'suppress',
      code: 'duplicate',
      because: 'something with this dedup key has gone to this person within the window',
    },
  ]);
});

describe('the judgement', () => {
  test('goes when nobody objects', () => {
    expect(judge(rulings())).toStrictEqual({ plan: 'go' });
  });
  test('one no suppresses, the first in order names the code, and it beats every later', () => {
    const facts = { address: null, class: 'marketing', scheduledFor: later, expiresAt: before } as const;
    expect(judge(rulings(facts))).toStrictEqual({ plan: 'suppress', code: 'no_address' });
    expect(judge(rulings({ class: 'marketing', scheduledFor: later }))).toStrictEqual({ plan: 'suppress', code: 'no_consent' });
  });
  test('of those who say later the last instant counts', () => {
    const paused = { batch: { status: 'paused', recheckAt: '2026-11-21T10:15:00.000Z' as Instant } } as const;
    expect(judge(rulings(paused))).toStrictEqual({ plan: 'defer', code: 'batch_paused', until: '2026-11-21T10:15:00.000Z' });
    expect(judge(rulings({ ...paused, scheduledFor: later }))).toStrictEqual({ plan: 'defer', code: 'scheduled', until: later });
  });
});
