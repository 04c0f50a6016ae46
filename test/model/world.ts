import type { Break, Delivery, Kind, Protocol, Row, View } from './protocol.ts';
import { protocol, WORK } from './protocol.ts';

/**
 * Everything around the logs: workers, claims, time, people. Every transaction, append and call is one step; between two steps anything
 * may interleave. Time is abstract: a claim, and with it the `until` of the starts made under it, runs out in a step of its own, at any
 * moment before its owner has finished; what waits for an instant becomes due with the next tick. A frozen worker is one whose claim
 * runs out while it stands still; one that crashed is back, idle, at once, and its claim stays until it runs out. Rows and checkpoint of
 * the consumer are one transaction, so one that restarts is one that lags.
 */
export type Config = {
  readonly name: string;
  readonly deliveries: readonly {
    readonly notification: number;
    readonly subject: string;
    readonly address: string;
    readonly key?: string;
  }[];
  readonly subBatch: number;
  readonly keys?: boolean;
  readonly hold?: boolean;
  readonly optOut?: { readonly subject: string; readonly address?: string };
  /** Somebody cancels the first notification, or moves it. */
  readonly cancel?: boolean;
  readonly reschedule?: boolean;
  /** All notifications are of one batch, which is paused and then resumed or cancelled. */
  readonly batch?: 'resumed' | 'cancelled';
  /** Retries wait for a tick; else they are due at once. */
  readonly backOff?: boolean;
  readonly maxTries?: number;
  readonly maxStarts?: number;
  /**
   * How often a worker may crash, a claim run out under a living worker (freeze), an answer get lost; and, which are no faults and must
   * double nothing, how often the provider may refuse for now (refusal) or for good (final), an operator redrive, a tick pass in a pause.
   */
  readonly may?: Partial<May>;
};
export type May = {
  readonly crash: number;
  readonly freeze: number;
  readonly loss: number;
  readonly refusal: number;
  readonly final: number;
  readonly redrive: number;
  readonly tick: number;
};

export type Answer = 'sent' | 'refused' | 'failed' | 'lost' | 'returned';
export type Worker = {
  readonly at:
    | 'idle'
    | 'claimed'
    | 'halfway'
    | 'ready'
    | 'looking'
    | 'takingOver'
    | 'judged'
    | 'reserveLate'
    | 'started'
    | 'calling'
    | 'answered'
    | 'done';
  readonly claim: number;
  readonly kind: Kind;
  readonly items: readonly number[];
  /** Of each notification of the group, the log that was loaded; −1: not concerned. */
  readonly revision: readonly number[];
  /** When it loaded. */
  readonly tick: number;
  readonly optedOut: boolean;
  readonly held: boolean;
  /** Its batch has been cancelled: what waits of it is cancelled by whoever comes to it. */
  readonly isOff: boolean;
  /** What the batch was when the group was claimed. */
  readonly heldThen: boolean;
  /** Who holds the reservations that these wanted. `valid`: as it was seen. `vain`: it had ended unsent before anyone asked. */
  readonly over: readonly { readonly d: number; readonly holder: number; readonly valid: boolean; readonly vain: boolean }[];
  readonly duplicates: readonly number[];
  /** Started and on its way, with its attempt. */
  readonly sub: readonly (readonly [number, number])[];
  /** What is left for later sub-batches, with the number of starts that it had. */
  readonly rest: readonly (readonly (readonly [number, number])[])[];
  readonly answers: readonly (readonly [number, Answer])[];
  /** Whether the claim had time left when the answers were there, and nobody had paused the batch. */
  readonly hasTime: boolean;
  /** Whether the batch was paused then. */
  readonly wasHeld: boolean;
  /** Whether it had when the call was decided on. */
  readonly inTime: boolean;
};
export type LiveClaim = {
  readonly claim: number;
  readonly rows: readonly string[];
  readonly names: readonly string[];
  readonly orphan?: boolean;
};

/**
 * By notification: logs and the consumer's checkpoints (`read`). Claims that live and those that ran out (`over`). Both requests. By
 * delivery: how often the provider took it, and how many faults hit it in flight. `reserved`: by key, who holds it.
 */
export type State = {
  readonly logs: readonly number[];
  readonly read: readonly number[];
  readonly workers: readonly Worker[];
  readonly claims: readonly LiveClaim[];
  readonly over: readonly number[];
  readonly tick: number;
  readonly optOut: 'none' | 'appended' | 'inFacts' | 'waiting' | 'answered';
  readonly waitsFor: readonly number[];
  readonly cancel: 'none' | 'appended' | 'answered';
  readonly saidCancelled: readonly number[];
  readonly reschedule: 'none' | 'done';
  readonly batch: {
    readonly log: 'open' | 'paused' | 'resumed' | 'cancelled';
    readonly facts: 'open' | 'paused' | 'resumed' | 'cancelled';
    readonly told: boolean;
  };
  readonly reserved: Readonly<Record<string, number>>;
  readonly taken: readonly number[];
  readonly keys: readonly string[];
  readonly hit: readonly number[];
  readonly redriven: readonly number[];
  readonly recorded: readonly number[];
  readonly may: May;
};

export const INVARIANTS = {
  I1: 'no provider call starts after an acknowledged opt-out, save by a worker frozen between its check and its call',
  I2: 'a delivery is doubled only by a fault that hit it in flight, once a fault, or by an operator, and never under keys or hold',
  I3: 'at the end every delivery has an outcome, no action or claim remains, every request is answered',
  I4: 'what the provider took never ends cancelled, suppressed or failed; no call follows an answer "cancelled", nor a new start a cancellation',
  I5: 'an acceptance that a worker recorded, however late, is what the log says',
  I6: 'the actions derived from any log are exactly what that log leaves to be done',
  I7: 'of deliveries that share a dedup key at most one is taken',
  I8: 'nobody is turned away for a holder that had ended unsent before he asked, unless someone else took its place',
  I9: 'nothing is started before the instant that its log names, nor after its batch was seen to be paused',
} as const;
export type Invariant = keyof typeof INVARIANTS;

/** What happened, for those who replay it. */
export type Act =
  | { readonly do: 'claim'; readonly claim: number; readonly kind: Kind; readonly items: readonly number[] }
  | {
      readonly do: 'go';
      readonly claim: number;
      readonly from: Worker['at'];
      readonly answer?: Answer;
      readonly isTaken?: boolean;
    }
  | { readonly do: 'crash' | 'runOut'; readonly claim: number }
  | { readonly do: 'consume'; readonly notification: number }
  | { readonly do: 'tick' | 'optOut' | 'reschedule' | 'pause' | 'resume' | 'cancelBatch' | 'batchFacts' | 'tell' }
  | { readonly do: 'cancel'; readonly appended: boolean }
  | { readonly do: 'redrive'; readonly notification: number };
export type Step = { readonly label: string; readonly to: State; readonly act: Act; readonly bad?: Invariant | undefined };

/** A configuration under a protocol, right or broken, and the questions that all steps ask of a state. */
export type World = {
  readonly cfg: Config;
  readonly protocol: Protocol;
  readonly broken: (name: Break) => boolean;
  readonly nOf: (d: number) => number;
  readonly viewOf: (state: State, d: number) => View;
  readonly now: (state: State, d: number) => Delivery;
  readonly isCovered: (d: number) => boolean;
  /** Whether the log leaves this to be done now. */
  readonly hasWork: (state: State, kind: Kind, d: number) => boolean;
  readonly rowsOf: (state: State, n: number) => readonly Row[];
  readonly mine: (n: number, items: readonly number[]) => readonly number[];
  readonly namedClaims: (state: State) => readonly number[];
};

export function openWorld(cfg: Config, breaks?: Break): World {
  const log = protocol(breaks);
  const broken = (name: Break): boolean => name === breaks;
  const nOf = (d: number): number => cfg.deliveries[d]!.notification;
  const viewOf = (state: State, d: number): View => log.page(state.logs[nOf(d)]!).view;
  const now = (state: State, d: number): Delivery => viewOf(state, d).of[d]!;
  const isRecoverable = (state: State, it: Delivery): boolean =>
    (state.over.includes(it.by) || broken('recover-at-once')) && !(it.unwanted && broken('recover-drops-cancelled'));
  return {
    cfg,
    protocol: log,
    broken,
    nOf,
    viewOf,
    now,
    isCovered: (d) => {
      const { subject, address } = cfg.deliveries[d]!;
      return cfg.optOut !== undefined && (subject === cfg.optOut.subject || address === cfg.optOut.address);
    },
    hasWork: (state, kind, d) => {
      const it = now(state, d);
      if (WORK[it.status] !== kind) return false;
      return kind === 'recover' ? isRecoverable(state, it) : it.at <= state.tick || broken('due-not-checked');
    },
    rowsOf: (state, n) => log.page(state.logs[n]!).tables[state.read[n]!]!,
    mine: (n, items) => items.filter((d) => nOf(d) === n),
    namedClaims: (state) => [...state.logs.flatMap((id) => log.page(id).claims), ...state.workers.map((worker) => worker.claim)],
  };
}

export const IDLE: Worker = {
  at: 'idle',
  claim: 0,
  kind: 'plan',
  items: [],
  revision: [],
  tick: 0,
  optedOut: false,
  held: false,
  isOff: false,
  heldThen: false,
  over: [],
  duplicates: [],
  sub: [],
  rest: [],
  answers: [],
  hasTime: false,
  wasHeld: false,
  inTime: false,
};

export function initial({ cfg, protocol: log, nOf }: World): State {
  const zeros = cfg.deliveries.map(() => 0);
  const notifications = [...new Set(cfg.deliveries.map((it) => it.notification))];
  const logs = notifications.map((n) =>
    log.append('absent', [{ type: 'requested', items: [...zeros.keys()].filter((d) => nOf(d) === n) }]),
  );
  return {
    logs,
    read: logs.map(() => 0),
    workers: [IDLE, IDLE],
    claims: [],
    over: [],
    tick: 0,
    optOut: cfg.optOut ? 'none' : 'answered',
    waitsFor: [],
    cancel: cfg.cancel === true ? 'none' : 'answered',
    saidCancelled: [],
    reschedule: cfg.reschedule === true ? 'none' : 'done',
    batch: { log: 'open', facts: 'open', told: false },
    reserved: {},
    taken: zeros,
    keys: [],
    hit: zeros,
    redriven: zeros,
    recorded: [],
    may: { crash: 0, freeze: 0, loss: 0, refusal: 0, final: 0, redrive: 0, tick: 0, ...cfg.may },
  };
}

/** A claim that ran out matters only while something names it: its number is free again. */
export function tidy(world: World, state: State): State {
  if (state.over.length === 0) return state;
  const named = world.namedClaims(state);
  return { ...state, over: state.over.filter((claim) => named.includes(claim)).sort() };
}

/** Workers are interchangeable. */
export function canonical(world: World, state: State): string {
  const [a, b] = state.workers.map((worker) => JSON.stringify(worker)) as [string, string];
  const { workers: _, ...rest } = tidy(world, state);
  return `${a < b ? a + b : b + a}${JSON.stringify(rest)}`;
}

export const isHeld = ({ batch }: State): boolean => batch.facts === 'paused' || batch.facts === 'cancelled';
export const spend = ({ may }: State, what: keyof May): May => ({ ...may, [what]: may[what] - 1 });
export const names = (items: readonly number[]): string => `[${items.map((d) => `d${String(d)}`).join(' ')}]`;
