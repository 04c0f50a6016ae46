import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EventStore, ExpectedRevision, ReadStream, Write, WriteOutcome } from '../../../src/adapters/eventstore/port.ts';
import type { StreamName } from '../../../src/domain/values/ids.ts';
import { anEvent, aStream } from './samples.ts';
import type { StoreOf } from './samples.ts';

/** A write to one of two streams, expecting so many revisions below the model's head, of events named by small numbers. */
type AppendCommand = { readonly stream: 0 | 1; readonly below: number; readonly ids: readonly number[] };
type Command =
  | { readonly kind: 'append'; readonly writes: readonly AppendCommand[] }
  | { readonly kind: 'read'; readonly stream: 0 | 1; readonly how: ReadStream }
  | { readonly kind: 'readBoth' };

const stream = fc.constantFrom(0 as const, 1 as const);
const append: fc.Arbitrary<AppendCommand> = fc.record({
  stream,
  // Mostly at the head; -1 lies beyond it, the rest may be repeats.
  below: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.integer({ min: -1, max: 5 }) }),
  // Of few ids, so that whole, partial and false repeats all happen.
  ids: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 }),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), writes: fc.array(append, { minLength: 1, maxLength: 2 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      stream,
      how: fc.record(
        {
          from: fc.oneof(fc.nat(6), fc.constant('end' as const)),
          direction: fc.constantFrom('forwards' as const, 'backwards' as const),
          limit: fc.nat(5),
        },
        { requiredKeys: [] },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'readBoth' as const }) },
);
const sequence = fc.array(command, { minLength: 1, maxLength: 6 });

const TOGETHER = 250;

/** `rounds` of 250 at once. */
export function sequences(store: StoreOf, rounds: number): void {
  test(`${TOGETHER * rounds} random sequences of commands give what a plain list gives`, { timeout: 240_000 }, async () => {
    const run = fc.asyncProperty(fc.array(sequence, { minLength: TOGETHER, maxLength: TOGETHER }), async (together) => {
      await Promise.all(together.map((commands) => play(store(), commands)));
    });
    await fc.assert(run, { numRuns: rounds });
  });
}

/** The plain list: revisions are indices. What was answered about positions is held against the stream at the end. */
class Model {
  readonly ids = Array.from({ length: 4 }, () => randomUUID());
  readonly names: readonly [StreamName, StreamName] = [aStream(), aStream()];
  readonly lists: readonly [string[], string[]] = [[], []];
  readonly answers: (readonly [stream: 0 | 1, revision: number, position: string])[] = [];

  writeOf({ stream, below, ids }: AppendCommand): Write {
    const at = this.lists[stream].length - 1 - below;
    const events = ids.map((n) => anEvent({ id: this.ids[n] ?? '' }));
    return { stream: this.names[stream], at: at < 0 ? 'absent' : at, events };
  }

  append(stream: 0 | 1, { at, events }: Write): { readonly ok: true; readonly revision: number } | { readonly actual: ExpectedRevision } {
    const list = this.lists[stream];
    const first = at === 'absent' ? 0 : at + 1;
    if (first === list.length) list.push(...events.map(({ id }) => id));
    else if (!events.every(({ id }, n) => list[first + n] === id)) return { actual: list.length === 0 ? 'absent' : list.length - 1 };
    return { ok: true, revision: first + events.length - 1 };
  }

  read(stream: 0 | 1, { direction = 'forwards', from = direction === 'forwards' ? 0 : 'end', limit = 99 }: ReadStream): readonly string[] {
    const list = this.lists[stream];
    if (direction === 'forwards') return from === 'end' ? [] : list.slice(from).slice(0, limit);
    return (from === 'end' ? list : list.slice(0, from + 1)).toReversed().slice(0, limit);
  }
}

async function play(store: EventStore, commands: readonly Command[]): Promise<void> {
  const model = new Model();
  for (const command of commands) await step(store, model, command);
  for (const stream of [0, 1] as const) {
    const events = await store.readStream(model.names[stream]);
    expect(events.map(({ id }) => id)).toStrictEqual(model.lists[stream]);
    expect(events.map(({ revision }) => revision)).toStrictEqual(events.map((_, n) => n));
    const answered = model.answers.filter(([of]) => of === stream);
    expect(answered.map(([, , position]) => position)).toStrictEqual(answered.map(([, revision]) => events[revision]?.position));
  }
}

async function step(store: EventStore, model: Model, command: Command): Promise<void> {
  if (command.kind === 'append') return appendBoth(store, model, command.writes);
  if (command.kind === 'read') {
    const events = await store.readStream(model.names[command.stream], command.how);
    expect(events.map(({ id }) => id)).toStrictEqual(model.read(command.stream, command.how));
    return;
  }
  const both = await store.readStreams(model.names);
  expect([...both.values()].map((events) => events.map(({ id }) => id))).toStrictEqual(model.lists);
}

async function appendBoth(store: EventStore, model: Model, commands: readonly AppendCommand[]): Promise<void> {
  const writes: Write[] = [];
  const expected = commands.map((command) => {
    const write = model.writeOf(command);
    writes.push(write);
    return model.append(command.stream, write);
  });
  const outcomes = await store.appendMany(writes);
  expect(outcomes.map(essence)).toStrictEqual(expected);
  outcomes.forEach((outcome, n) => {
    const command = commands[n];
    if (outcome.ok && command) model.answers.push([command.stream, outcome.revision, outcome.position]);
  });
}

const essence = (outcome: WriteOutcome): unknown => {
  if (outcome.ok) return { ok: true, revision: outcome.revision };
  return outcome.conflict ? { actual: outcome.actual } : outcome;
};
