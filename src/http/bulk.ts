import { present } from '../domain/kernel/present.ts';
import type { Position } from '../domain/values/ids.ts';
import type { Line } from './lines.ts';
import type { Answer } from './operation.ts';

/** How many groups are worked on at once: while one is appended, the next is parsed. */
const AT_ONCE = 4;

/** A line's idempotency key is its own, else the request's with the line's place: a bulk sent again is the same bulk, however its lines come in groups. */
export const keyOfLine = (own: string | undefined, ofRequest: string | undefined, { index }: Line): string | undefined =>
  own ?? (ofRequest === undefined ? undefined : `${ofRequest}:${index}`);

/** Wakes everybody who waits. */
function bell(): { readonly wait: () => Promise<void>; readonly ring: () => void } {
  let waiting: (() => void)[] = [];
  return {
    wait: () => new Promise((resolve) => void waiting.push(resolve)),
    ring: () => {
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    },
  };
}

/**
 * Works on several groups at once and gives the results in order, each as soon as it is its turn: a sender may wait for a verdict
 * before it writes on. Nothing more is taken from `groups` than can be worked on.
 */
export async function* inOrder<In, Out>(groups: AsyncIterable<In>, work: (group: In) => Promise<readonly Out[]>): AsyncGenerator<Out> {
  const under: Promise<readonly Out[]>[] = [];
  const moved = bell();
  const state: { read: boolean; left: boolean } = { read: false, left: false };

  async function read(): Promise<void> {
    try {
      for await (const group of groups) {
        const result = work(group);
        // Awaited below, in its turn; until then a failure must not count as unhandled.
        result.catch(() => undefined);
        under.push(result);
        moved.ring();
        while (under.length >= AT_ONCE && !state.left) await moved.wait();
        if (state.left) return;
      }
    } finally {
      state.read = true;
      moved.ring();
    }
  }

  const reading = read();
  reading.catch(() => undefined);
  try {
    while (under.length > 0 || !state.read) {
      if (under.length === 0) await moved.wait();
      const results = await under[0];
      if (results === undefined) continue;
      void under.shift();
      moved.ring();
      yield* results;
    }
    await reading;
  } finally {
    state.left = true;
    moved.ring();
    await Promise.allSettled(under);
  }
}

/** Entries of a JSON array as if they had come as lines, in groups. */
export async function* linesOf(values: readonly unknown[], groupOf: number): AsyncGenerator<readonly Line[]> {
  for (let from = 0; from < values.length; from += groupOf) {
    yield await Promise.resolve(
      values.slice(from, from + groupOf).map((value, place): Line => ({ index: from + place, raw: '', ok: true, value })),
    );
  }
}

export async function collected<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Of one entry of a bulk. `position`: where its command stands in the log. */
export type Told = { readonly verdict: object; readonly position?: Position };

async function* verdictsOf(told: AsyncIterable<Told>): AsyncGenerator<object> {
  for await (const { verdict } of told) yield verdict;
}

/** Lines are answered with lines as they come; JSON at its end, with the position that has them all. */
export async function answerOfBulk(told: AsyncIterable<Told>, asLines: boolean): Promise<Answer> {
  if (asLines) return { status: 200, lines: verdictsOf(told) };
  const all = await collected(told);
  const positions = all.flatMap(({ position }) => position ?? []).sort();
  return { status: 200, body: { data: all.map(({ verdict }) => verdict) }, ...present({ position: positions.at(-1) }) };
}
