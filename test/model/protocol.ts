/**
 * What the log of a notification means, and what it leaves to be done: the fold and the reactions of the protocol
 * (docs/architecture.md, "The hand-off protocol"), written a second time and independently of the code, without its payloads. `test/model`
 * visits all that can happen under it, and `npm run chaos -- model` holds the code against it.
 */
export type Status =
  'new' | 'deferred' | 'planned' | 'retry' | 'open' | 'sent' | 'failed' | 'dead' | 'unknown' | 'suppressed' | 'cancelled';
export type Kind = 'plan' | 'handOff' | 'recover';

/** `at`: the tick from which on it is due; `by`: the claim of its newest start; `held`: deferred since its batch is paused. */
export type Delivery = {
  status: Status;
  attempt: number;
  tries: number;
  starts: number;
  spent: number;
  by: number;
  doubt: boolean;
  unwanted: boolean;
  at: number;
  held: boolean;
};
/** `refused`: for now; `again`: no answer, and another try is allowed; `later`: recovered, and a gate says later; `returned`: not called. */
export type Result = 'sent' | 'refused' | 'again' | 'later' | 'returned' | 'failed' | 'dead' | 'cancelled' | 'unknown';

/** Items are deliveries' numbers, over all notifications of a configuration. */
export type Event =
  | { readonly type: 'requested'; readonly items: readonly number[] }
  | {
      readonly type: 'planned';
      /** Whose `later` is until it ends. */
      readonly claim: number;
      readonly go: readonly number[];
      readonly later: readonly number[];
      readonly suppressed: readonly number[];
      readonly deferred: readonly number[];
      readonly at: number;
      readonly held: boolean;
    }
  | { readonly type: 'started'; readonly claim: number; readonly items: readonly number[] }
  | { readonly type: 'recorded'; readonly claim: number; readonly results: readonly (readonly [number, Result])[]; readonly at: number }
  | { readonly type: 'redriven'; readonly items: readonly number[] }
  | { readonly type: 'rescheduled'; readonly items: readonly number[]; readonly at: number; readonly schedule: boolean }
  | { readonly type: 'cancelled'; readonly items: readonly number[]; readonly open: readonly number[] };

/** Whole protocols, each with one thing wrong: what is right is named by what happens without it. */
export const BREAKS = {
  'facts-before-declare': 'facts are read before subjects and addresses are declared in the claim',
  'no-hand-off-started': 'nothing is appended before the provider is called',
  'recover-at-once': 'a recover does not wait for `until`',
  'ack-without-claims': 'an opt-out is acknowledged without waiting for claims',
  'settle-whole-notification': 'an event settles the rows of its notification instead of subtracting its items',
  'ask-for-started': 'a hand-off is asked for also of what was started in the same append',
  'no-late-acceptance': 'an acceptance counts only while its claim has the newest start',
  'opt-out-by-subject-only': 'an opt-out looks for its subject only, although others share the address',
  'no-check-before-call': 'a worker does not look whether its claim has time left before it calls',
  'recover-without-gates': 'a recover hands off again without reading facts',
  'recover-drops-cancelled': 'a recover drops what was cancelled, as other work does',
  'cancel-settles-recover': 'a cancellation settles the recover of what is in flight too',
  'unchanged-on-conflict': 'results and next start are appended again after a conflict as they were decided before it',
  'late-refusal-counts': 'a refusal counts although the delivery was started again since, in the same attempt',
  'record-settles-recover-only': 'a result settles recover rows only',
  'planned-settles-plan-only': 'a gate that says no when a retry is due does not settle the retry',
  'new-key-after-open-outcome': 'a retry takes a new attempt (a new key) although an outcome is open',
  'forget-open-outcome': 'a start without an answer is forgotten once a later start was answered',
  'due-not-checked': 'work is done however early: only the row is asked whether it is due, not the log',
  'deferral-asks-hand-off': 'what is deferred comes back as a hand-off and not as a plan',
  'reschedule-moves-open': 'a reschedule moves what is in flight as well',
  'reschedule-settles-nothing': 'a reschedule leaves the rows of what it moves',
  'redrive-asks-nothing': 'what is redriven is not asked for',
  'redrive-new-key': 'what is redriven takes a new key although an outcome is open',
  'redrive-forgets-doubt': 'what is redriven is taken for never sent',
  'no-reservation': 'a planner looks for others with its key in the reservations and writes nothing down itself',
  'reserve-after-start': 'the reservation is made when the start stands in the log already',
  'never-taken-over': 'a reservation stays with a holder that has ended unsent',
  'taken-over-unseen': 'a reservation is taken over from whoever holds it by then',
  'unknown-gives-way': 'a holder whose outcome is unknown counts as one that was not sent',
  'batch-remembered': 'a worker remembers the state of a batch instead of reading it',
  'pause-not-watched': 'a group is handed off to its end although its batch has been paused',
  'pause-without-recheck': 'what a paused batch held back waits for the resumption only',
  'recover-defers-unwanted': 'a recovery of what was cancelled in flight waits for a gate that says later',
  'rest-kept': 'what a claim has planned and not started stays its own also when it has ended',
  'cancelled-batch-waits': 'work of a cancelled batch waits to be told, and is not cancelled by whoever comes to it',
} as const;
export type Break = keyof typeof BREAKS;

export const WORK: Partial<Record<Status, Kind>> = {
  new: 'plan',
  deferred: 'plan',
  planned: 'handOff',
  retry: 'handOff',
  open: 'recover',
};
export const UNSENT: readonly Status[] = ['suppressed', 'cancelled', 'failed', 'dead'];
/** A tick that does not come. */
export const NEVER = 1_000;

/** `schedule`: the tick before which its schedule lets nothing go. */
export type View = { readonly of: readonly (Delivery | undefined)[]; readonly schedule: number };
export type Row = {
  readonly id: string;
  readonly kind: Kind;
  readonly items: readonly number[];
  /** Whose starts these are to recover, once it is over; or, of a hand-off, who has it until it ends. 0: nobody. */
  readonly claim: number;
  readonly at: number;
};
/** A stream with its fold, and with the actions table after each of its events. */
export type Page = {
  readonly events: readonly Event[];
  readonly view: View;
  readonly tables: readonly (readonly Row[])[];
  readonly claims: readonly number[];
  /** The table is exactly what the fold leaves to be done. */
  readonly sound: boolean;
};

export type Protocol = {
  readonly page: (id: number) => Page;
  /** The stream with these events behind its own: streams are immutable and stored once, so equal logs have equal numbers. */
  readonly append: (id: number | 'absent', events: readonly Event[]) => number;
};

const RETRIED: readonly Result[] = ['refused', 'again', 'returned'];

export function protocol(broken: Break | undefined): Protocol {
  const pages: Page[] = [];
  const pageOf = new Map<string, number>();
  const { folded, reactTo } = { folded: folds(broken), reactTo: reactions(broken) };

  const react = (rows: readonly Row[], event: Event, place: number): readonly Row[] => {
    const { settle, kinds, ask } = reactTo(event);
    const left = (row: Row): readonly number[] =>
      broken === 'settle-whole-notification' ? [] : row.items.filter((d) => !settle.includes(d));
    const kept = rows.map((row) => (kinds.includes(row.kind) ? { ...row, items: left(row) } : row));
    const asked = ask.map(([kind, items, claim, at]): Row => ({ id: `${String(place)}${kind}${String(at)}`, kind, items, claim, at }));
    return [...kept, ...asked].filter((row) => row.items.length > 0);
  };

  function store(text: string, events: readonly Event[]): number {
    const view = events.reduce<View>(folded, { of: [], schedule: 0 });
    const tables = events.reduce<(readonly Row[])[]>((so, event, place) => [...so, react(so[place] ?? [], event, place)], [[]]);
    const claims = events.flatMap((event) => (event.type === 'started' || event.type === 'planned' ? [event.claim] : []));
    const sound = workOf(tables.at(-1) ?? []) === workOf(toDo(view));
    const id = pages.push({ events, view, tables, claims, sound }) - 1;
    pageOf.set(text, id);
    return id;
  }

  return {
    page: (id) => pages[id]!,
    append: (id, more) => {
      if (id !== 'absent' && more.length === 0) return id;
      const events = [...(id === 'absent' ? [] : pages[id]!.events), ...more];
      const text = JSON.stringify(events);
      return pageOf.get(text) ?? store(text, events);
    },
  };
}

function toDo({ of }: View): readonly Row[] {
  return of.flatMap((it, d): Row[] => {
    const kind = it && WORK[it.status];
    return it === undefined || kind === undefined
      ? []
      : [{ id: '', kind, items: [d], claim: kind === 'recover' ? it.by : 0, at: kind === 'recover' ? 0 : it.at }];
  });
}
export const workOf = (rows: readonly Row[]): string =>
  rows
    .flatMap((row) => row.items.map((d) => `${row.kind} ${String(d)} ${row.kind === 'recover' ? String(row.claim) : ''} ${String(row.at)}`))
    .sort()
    .join();

type Reacted = {
  readonly settle: readonly number[];
  readonly kinds: readonly Kind[];
  readonly ask: readonly (readonly [kind: Kind, items: readonly number[], claim: number, at: number])[];
};

/** The consumer: pure, one event at a time, blind to the fold. */
function reactions(broken: Break | undefined): (event: Event) => Reacted {
  const waiting: readonly Kind[] = ['plan', 'handOff'];
  return (event) => {
    switch (event.type) {
      case 'requested':
        return { settle: [], kinds: [], ask: [['plan', event.items, 0, 0]] };
      case 'planned': {
        const comesBack: Kind = broken === 'deferral-asks-hand-off' ? 'handOff' : 'plan';
        return {
          settle: [...event.go, ...event.suppressed, ...event.deferred],
          kinds: broken === 'planned-settles-plan-only' ? ['plan'] : waiting,
          ask: [
            ['handOff', event.later, event.claim, 0],
            [comesBack, event.deferred, 0, event.at],
          ],
        };
      }
      case 'started':
        return {
          settle: event.items,
          kinds: ['handOff', 'recover'],
          ask: [
            ['recover', event.items, event.claim, 0],
            ['handOff', broken === 'ask-for-started' ? event.items : [], 0, 0],
          ],
        };
      case 'recorded': {
        const of = (those: readonly Result[]): readonly number[] =>
          event.results.filter(([, result]) => those.includes(result)).map(([d]) => d);
        const retried = of(['returned']);
        const backedOff = of(['refused', 'again', 'later']);
        return {
          settle: event.results.map(([d]) => d),
          kinds: broken === 'record-settles-recover-only' ? ['recover'] : ['plan', 'handOff', 'recover'],
          ask: [
            ['handOff', retried, 0, 0],
            ['handOff', backedOff, 0, event.at],
          ],
        };
      }
      case 'redriven':
        return { settle: [], kinds: [], ask: [['plan', broken === 'redrive-asks-nothing' ? [] : event.items, 0, 0]] };
      case 'rescheduled':
        return {
          settle: broken === 'reschedule-settles-nothing' ? [] : event.items,
          kinds: broken === 'reschedule-moves-open' ? ['plan', 'handOff', 'recover'] : waiting,
          ask: [['plan', event.items, 0, event.at]],
        };
      case 'cancelled':
        return broken === 'cancel-settles-recover'
          ? { settle: [...event.items, ...event.open], kinds: ['plan', 'handOff', 'recover'], ask: [] }
          : { settle: event.items, kinds: waiting, ask: [] };
    }
  };
}

/**
 * `doubt`: some start has no answer of its own, so the provider may have the message whatever later starts say: it never ends as not
 * sent, and keeps its attempt, that is its key. Only an acceptance by any claim ends the doubt.
 */
function folds(broken: Break | undefined): (before: View, event: Event) => View {
  const become = (it: Delivery, status: Status, at = 0): void => {
    Object.assign(it, { status, at, held: false });
  };
  const endUnsent = (it: Delivery, status: Status): void => become(it, it.doubt && broken !== 'forget-open-outcome' ? 'unknown' : status);
  const nextKey = (it: Delivery, doubt = it.doubt): void => {
    it.attempt += doubt ? 0 : 1;
  };
  const again = (it: Delivery, at: number, counts: boolean): void => {
    become(it, 'retry', at);
    it.tries += counts ? 1 : 0;
    nextKey(it, it.doubt && broken !== 'new-key-after-open-outcome');
  };
  const answered = (it: Delivery, result: Result, at: number): void => {
    if (result === 'again' || result === 'later' || result === 'unknown') it.doubt = true;
    if (result === 'sent' || result === 'unknown') become(it, result);
    else if (result === 'returned') become(it, 'retry');
    else if (RETRIED.includes(result) || result === 'later') again(it, at, result !== 'later');
    else endUnsent(it, result as Status);
  };
  const redriven = (it: Delivery): void => {
    nextKey(it, it.doubt && broken !== 'redrive-new-key');
    become(it, 'new');
    Object.assign(it, { tries: 0, spent: it.starts, unwanted: false, doubt: it.doubt && broken !== 'redrive-forgets-doubt' });
  };
  return (before, event) => {
    if (event.type === 'requested') {
      const of: (Delivery | undefined)[] = [];
      for (const d of event.items)
        of[d] = { status: 'new', attempt: 1, tries: 0, starts: 0, spent: 0, by: 0, doubt: false, unwanted: false, at: 0, held: false };
      return { of: Array.from(of), schedule: 0 };
    }
    const of = before.of.map((it) => it && { ...it });
    const each = (items: readonly number[], change: (it: Delivery) => void): void => {
      for (const d of items) change(of[d]!);
    };
    switch (event.type) {
      case 'planned':
        each(event.go, (it) => become(it, 'planned'));
        each(event.suppressed, (it) => endUnsent(it, 'suppressed'));
        each(event.deferred, (it) => {
          become(it, 'deferred', event.at);
          it.held = event.held;
        });
        break;
      case 'started':
        each(event.items, (it) => {
          it.doubt ||= it.status === 'open';
          become(it, 'open');
          it.by = event.claim;
          it.starts += 1;
        });
        break;
      case 'recorded':
        for (const [d, result] of event.results)
          if (result === 'sent' || isNewest(of[d]!, event.claim, broken)) answered(of[d]!, result, event.at);
        break;
      case 'redriven':
        each(event.items, redriven);
        break;
      case 'rescheduled':
        each(event.items, (it) => become(it, 'deferred', event.at));
        return { of, schedule: event.schedule ? event.at : before.schedule };
      case 'cancelled':
        each(event.items, (it) => endUnsent(it, 'cancelled'));
        each(event.open, (it) => {
          it.unwanted = true;
        });
        break;
    }
    return { of, schedule: before.schedule };
  };
}

export const isNewest = (it: Delivery, claim: number, broken: Break | undefined): boolean =>
  broken === 'no-hand-off-started' || (it.status === 'open' && (it.by === claim || broken === 'late-refusal-counts'));
