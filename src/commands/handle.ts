import type { AnyFact, Decider } from '../domain/kernel/decider.ts';
import { isEventOf } from '../domain/kernel/eventsOf.ts';
import type { Recorded } from '../domain/kernel/metadata.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import { isRejection, type Rejection } from '../domain/kernel/rejection.ts';
import type { StorageOf } from '../domain/kernel/storage.ts';
import type { Position, StreamName, TenantId } from '../domain/values/ids.ts';
import { streamOf, type Noun } from '../domain/values/streams.ts';
import type { Envelope, EventLog, EventWrite, ExpectedRevision, WriteResult } from './ports.ts';

export type Aggregate<C, S, E extends AnyFact, Code extends string> = {
  readonly noun: Noun;
  readonly decider: Decider<C, S, E, Code>;
  readonly storage: StorageOf<E>;
};
/** Whose it is, and what its events are to say about their making. `attempt`: as in `EventWrite`. */
export type CommandContext = { readonly tenant: TenantId; readonly envelope: Envelope; readonly attempt?: string };

/**
 * One input for one stream. `fresh`: the stream is expected not to exist, so the first try does without reading. Its command id must be
 * new then: one that derives from an idempotency key would be taken for a repeat by the store, whatever it says this time.
 */
export type Item<I> = { readonly id: string; readonly input: I; readonly context: CommandContext; readonly fresh?: true };
/** What a command led to: its own events, and the stream as it was right after them. */
export type Handled<S, E> = {
  readonly events: readonly E[];
  readonly revision: ExpectedRevision;
  /** Of the stream's last event; absent in an empty stream. */
  readonly position?: Position;
  readonly state: S;
  /** The command had been carried out before; this is the first result. */
  readonly repeated: boolean;
};
export type Outcome<S, E, Code extends string> = Handled<S, E> | Rejection<Code> | PortError;

/** Turns what came in into commands, for all items at once, where that takes the state: opening the profile that a patch changes. */
export type Prepare<I, C, S, Code extends string> = (
  loaded: readonly { readonly input: I; readonly state: S; readonly context: CommandContext }[],
) => Promise<readonly (C | Rejection<Code>)[]>;

/** Conflicts in a row after which a command gives up: its stream is written to faster than it can be read. */
export const MAX_TRIES = 8;

type Pending<I> = { readonly item: Item<I>; readonly place: number; readonly stream: StreamName; tries: number };
type Loaded<S, E> = Omit<Handled<S, E>, 'repeated'>;
/** `events`: the command's own, found in the stream or decided upon it. */
type Decided<I, S, E> = Loaded<S, E> & { readonly entry: Pending<I> };

const isRepeat = ({ events }: { readonly events: readonly unknown[] }): boolean => events.length > 0;
const contended = (): PortError => new PortError('conflict', 'contended', 'the stream changed at every try; try again later');

/**
 * Load → decide → append at the revision read → again on a conflict, for many independent streams: one read, one append a round. A
 * stream that occurs twice is served in order, one a round. One outcome per item, in order; one that fails takes no neighbour with it.
 * @throws PortError when nothing could be read.
 */
export function handlePrepared<I, C, S, E extends AnyFact, Code extends string>(
  log: EventLog,
  aggregate: Aggregate<C, S, E, Code>,
  prepare: Prepare<I, C, S, Code>,
): (items: readonly Item<I>[]) => Promise<readonly Outcome<S, E, Code>[]> {
  const empty = (): Loaded<S, E> => ({ events: [], revision: 'absent', state: aggregate.decider.initial() });

  async function load(pending: readonly Pending<I>[]): Promise<readonly Decided<I, S, E>[]> {
    const toRead = pending.filter(({ item, tries }) => item.fresh !== true || tries > 0).map(({ stream }) => stream);
    const read = toRead.length === 0 ? undefined : await log.read(toRead);
    return pending.map((entry) => ({
      entry,
      ...fold(aggregate, read?.get(entry.stream) ?? [], entry.item.context.envelope.commandId, empty()),
    }));
  }

  /** What this round settles, by the item's place; what it leaves out lost a race and is tried again. */
  async function round(pending: readonly Pending<I>[]): Promise<ReadonlyMap<number, Outcome<S, E, Code>>> {
    const settled = new Map<number, Outcome<S, E, Code>>();
    const loaded = await load(pending);
    for (const { entry, ...first } of loaded.filter(isRepeat)) settled.set(entry.place, { ...first, repeated: true });
    const open = loaded.filter((it) => !isRepeat(it));
    const commands = await prepare(open.map(({ entry: { item }, state }) => ({ input: item.input, state, context: item.context })));
    const decided: Decided<I, S, E>[] = [];
    for (const [at, it] of open.entries()) {
      const decision = decideOn(aggregate, commands[at], it.state);
      if (isRejection<Code>(decision)) settled.set(it.entry.place, decision);
      else decided.push({ ...it, events: decision });
    }
    for (const [place, outcome] of await append(decided)) settled.set(place, outcome);
    return settled;
  }

  /** By place; a conflict is left out as long as it may be tried again. */
  async function append(decided: readonly Decided<I, S, E>[]): Promise<readonly (readonly [number, Outcome<S, E, Code>])[]> {
    const writing = decided.filter(({ events }) => events.length > 0);
    const results = writing.length === 0 ? [] : await log.append(writing.map(writeOf));
    const written = writing.flatMap((it, at) => {
      const outcome = outcomeOf(aggregate, it, results[at]);
      if (outcome !== 'conflict') return [[it.entry.place, outcome] as const];
      return ++it.entry.tries < MAX_TRIES ? [] : [[it.entry.place, contended()] as const];
    });
    const alreadySo = decided.filter(({ events }) => events.length === 0);
    return [...written, ...alreadySo.map(({ entry, ...it }) => [entry.place, { ...it, repeated: false }] as const)];
  }

  return async (items) => {
    const outcomes: Outcome<S, E, Code>[] = [];
    let waiting = items.map((item, place): Pending<I> => ({
      item,
      place,
      stream: streamOf(aggregate.noun, item.context.tenant, item.id),
      tries: 0,
    }));
    while (waiting.length > 0) {
      const settled = await round(firstOfEachStream(waiting));
      for (const [place, outcome] of settled) outcomes[place] = outcome;
      waiting = waiting.filter(({ place }) => !settled.has(place));
    }
    return outcomes;
  };
}

/** As `handlePrepared`, for inputs that are commands already. */
export const handleMany = <C, S, E extends AnyFact, Code extends string>(log: EventLog, aggregate: Aggregate<C, S, E, Code>) =>
  handlePrepared<C, C, S, E, Code>(log, aggregate, (loaded) => Promise.resolve(loaded.map(({ input }) => input)));

/** One command on one stream. @throws PortError `conflict`, `invalid`, `unavailable` (the outcome is open: repeat it with the same command id). */
export const handle =
  <C, S, E extends AnyFact, Code extends string>(log: EventLog, aggregate: Aggregate<C, S, E, Code>) =>
  async (item: Item<C>): Promise<Handled<S, E> | Rejection<Code>> =>
    onlyOne(await handleMany(log, aggregate)([item]));

/** The outcome of a call with one item. @throws PortError if it is one. */
export function onlyOne<S, E, Code extends string>(outcomes: readonly Outcome<S, E, Code>[]): Handled<S, E> | Rejection<Code> {
  const [outcome] = outcomes;
  if (outcome === undefined) throw new PortError('invalid', 'no_outcome', 'a command was given and no outcome came back');
  if (outcome instanceof PortError) throw outcome;
  return outcome;
}

function firstOfEachStream<I>(pending: readonly Pending<I>[]): readonly Pending<I>[] {
  const first = new Map<StreamName, Pending<I>>();
  for (const entry of pending) if (!first.has(entry.stream)) first.set(entry.stream, entry);
  return [...first.values()];
}

const writeOf = <I, S, E extends AnyFact>({ entry: { stream, item }, revision, events }: Decided<I, S, E>): EventWrite<E> => ({
  stream,
  at: revision,
  events,
  envelope: item.context.envelope,
  ...present({ attempt: item.context.attempt }),
});

function decideOn<C, S, E extends AnyFact, Code extends string>(
  { decider }: Aggregate<C, S, E, Code>,
  command: C | Rejection<Code> | undefined,
  state: S,
): readonly E[] | Rejection<Code> {
  if (command === undefined) throw new PortError('invalid', 'no_command', 'an item was prepared into no command');
  return typeof command === 'object' && command !== null && isRejection<Code>(command) ? command : decider.decide(command, state);
}

function outcomeOf<C, S, E extends AnyFact, Code extends string>(
  { decider }: Aggregate<C, S, E, Code>,
  { events, state }: Loaded<S, E>,
  result: WriteResult | undefined,
): Handled<S, E> | PortError | 'conflict' {
  if (result === undefined) return new PortError('unavailable', 'no_outcome', 'the log answered without an outcome for this write');
  if (!result.ok) return result.conflict ? 'conflict' : result.error;
  const after = events.reduce((folded, event) => decider.evolve(folded, event), state);
  return { events, revision: result.revision, position: result.position, state: after, repeated: false };
}

/** Folds a stream up to its end or, where the command's own events stand in it, up to the last of those: then it is the first result. */
export function fold<C, S, E extends AnyFact, Code extends string>(
  { decider, storage }: Aggregate<C, S, E, Code>,
  recorded: readonly Recorded[],
  commandId: string,
  start: Loaded<S, E>,
): Loaded<S, E> {
  const isOurs = isEventOf(storage);
  const own: E[] = [];
  let folded = start;
  for (const { event, meta, revision, position } of recorded) {
    const isOwn = meta.commandId === commandId;
    if (own.length > 0 && !isOwn) break;
    if (!isOurs(event)) throw new PortError('invalid', 'foreign_event', 'a stream holds an event that its aggregate does not know');
    if (isOwn) own.push(event);
    folded = { events: own, revision, position, state: decider.evolve(folded.state, event) };
  }
  return folded;
}
