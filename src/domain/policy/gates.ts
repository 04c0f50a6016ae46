import { isHeld, type BatchStatus } from '../values/batchStatus.ts';
import type { Channel, MessageClass } from '../values/channel.ts';
import type { Instant } from '../values/instant.ts';
import type { Gate, GateVerdict, VerdictCode } from '../values/verdict.ts';

/** Plain facts about one delivery, gathered before the gates run; nothing here is looked up by a gate. */
export type GateFacts = {
  readonly now: Instant;
  readonly channel: Channel;
  readonly class: MessageClass;
  /** Where the address came from; null: the channel does not reach this person. `erased`: the subject's key is gone. */
  readonly address: { readonly source: 'request' | 'profile'; readonly version: number | null } | null | 'erased';
  readonly expiresAt?: Instant;
  /** When it may go: the request's instant, or the recipient's own for a local time. Absent: at once. */
  readonly scheduledFor?: Instant;
  /** Whether the address is on the allowlist; undefined: there is none. */
  readonly allowlisted?: boolean;
  readonly provider: string;
  /** When to look again, where an event about the person or the batch is set aside and what is read of them is not to be trusted. */
  readonly factsAgainAt?: Instant;
  readonly batch?: { readonly status: BatchStatus; readonly recheckAt: Instant };
};
/** The answer of the reservation (docs/architecture.md, step 6); absent: the request has no dedup key. */
export type Reservation = 'reserved' | 'taken';

/** A verdict, and for a deferral the instant. */
export type Ruling = { readonly verdict: GateVerdict; readonly until?: Instant };

const pass = (gate: Gate, because: string, facts?: GateVerdict['facts']): Ruling => ({
  verdict: { gate, verdict: 'pass', because, ...(facts && { facts }) },
});
const suppress = (gate: Gate, code: VerdictCode, because: string, facts?: GateVerdict['facts']): Ruling => ({
  verdict: { gate, verdict: 'suppress', code, because, ...(facts && { facts }) },
});
const defer = (gate: Gate, code: VerdictCode, because: string, until: Instant): Ruling => ({
  verdict: { gate, verdict: 'defer', code, because, facts: { until } },
  until,
});

function address({ address: found, channel }: GateFacts): Ruling {
  if (found === 'erased') return suppress('address', 'erased', 'the person has been erased');
  if (found === null) return suppress('address', 'no_address', `no ${channel} address is known of this person`);
  return found.source === 'request'
    ? pass('address', 'the request brought the address')
    : pass('address', 'the address stands in the profile', { profile: found.version });
}

function expiry({ expiresAt, now }: GateFacts): Ruling {
  if (expiresAt === undefined) return pass('expiry', 'it does not expire');
  return expiresAt <= now
    ? suppress('expiry', 'expired', 'it was due to expire before it could go', { expiresAt })
    : pass('expiry', 'it has not expired', { expiresAt });
}

function schedule({ scheduledFor, now }: GateFacts): Ruling {
  if (scheduledFor === undefined) return pass('schedule', 'it may go at once');
  return scheduledFor <= now
    ? pass('schedule', 'its time has come', { scheduledFor })
    : defer('schedule', 'scheduled', 'its time has not come', scheduledFor);
}

function allowlist({ allowlisted, address: found }: GateFacts): Ruling {
  if (allowlisted === undefined) return pass('allowlist', 'no allowlist is set');
  if (found === null || found === 'erased') return pass('allowlist', 'there is no address to look for');
  return allowlisted
    ? pass('allowlist', 'the address is on the allowlist of this installation')
    : suppress('allowlist', 'not_allowlisted', 'this installation sends only to the addresses on its allowlist');
}

/** Consent is not recorded yet: until it is, marketing goes to nobody but the capture provider. */
function consent({ class: kind, provider }: GateFacts): Ruling {
  if (kind !== 'marketing') return pass('consent', `a ${kind} message needs no consent`);
  return provider === 'capture'
    ? pass('consent', 'marketing is only captured here and reaches nobody')
    : suppress('consent', 'no_consent', 'marketing needs a recorded consent, and none is on record');
}

function batch({ batch: found }: GateFacts): Ruling {
  if (found === undefined) return pass('batch', 'it belongs to no batch');
  // Of a cancelled batch each notification is cancelled in turn, or by whoever comes to plan it (processes/dispatch/effects.ts).
  return isHeld(found.status)
    ? defer('batch', 'batch_paused', `its batch is ${found.status}`, found.recheckAt)
    : pass('batch', 'its batch is not paused');
}

/**
 * An opt-out may be among what is set aside, or the address that seems to be missing, so nothing else that is read counts. It has its say
 * only where it has something to say: nobody needs to read in every trace that nothing is broken.
 */
const factsUnavailable = (until: Instant): Ruling =>
  defer('facts', 'facts_unavailable', 'an event about the person or the batch could not be taken in yet', until);

/** In the order in which their reasons count: the first that says no names the code. All of them run, so the trace is whole. */
const GATE_LIST = [address, expiry, schedule, allowlist, consent, batch] as const;

export const runGates = (facts: GateFacts): readonly Ruling[] =>
  facts.factsAgainAt === undefined ? GATE_LIST.map((gate) => gate(facts)) : [factsUnavailable(facts.factsAgainAt), expiry(facts)];

/** Only what passed every other gate competes for a reservation, so its verdict comes last and takes its place in the trace. */
export const duplicateVerdict = (reservation: Reservation | undefined): Ruling => DUPLICATE[reservation ?? 'none'];
const DUPLICATE: Readonly<Record<Reservation | 'none', Ruling>> = {
  none: pass('duplicate', 'the request names no dedup key'),
  reserved: pass('duplicate', 'nothing with this dedup key went to this person within the window'),
  taken: suppress('duplicate', 'duplicate', 'something with this dedup key has gone to this person within the window'),
};

export type Judgement =
  | { readonly plan: 'go' }
  | { readonly plan: 'suppress'; readonly code: VerdictCode }
  | { readonly plan: 'defer'; readonly code: VerdictCode; readonly until: Instant };

/** One no suppresses; else the last instant of those that said later; else it goes. */
export function judge(rulings: readonly Ruling[]): Judgement {
  let later: Judgement = { plan: 'go' };
  for (const { verdict, until } of rulings) {
    if (verdict.code === undefined) continue;
    if (verdict.verdict === 'suppress') return { plan: 'suppress', code: verdict.code };
    if (until !== undefined && (later.plan !== 'defer' || until > later.until)) later = { plan: 'defer', code: verdict.code, until };
  }
  return later;
}
