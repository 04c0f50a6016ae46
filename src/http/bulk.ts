import type { Line } from './lines.ts';

/** How many groups are worked on at once: while one is appended, the next is parsed. */
const AT_ONCE = 4;

/** Works on several groups at once and gives the results in order. Nothing more is taken from `groups` than can be worked on. */
export async function* inOrder<In, Out>(groups: AsyncIterable<In>, work: (group: In) => Promise<readonly Out[]>): AsyncGenerator<Out> {
  const under: Promise<readonly Out[]>[] = [];
  try {
    for await (const group of groups) {
      const result = work(group);
      // Awaited below, in its turn; until then a failure must not count as unhandled.
      result.catch(() => undefined);
      under.push(result);
      if (under.length >= AT_ONCE) yield* (await under.shift()) ?? [];
    }
    for (let next = under.shift(); next !== undefined; next = under.shift()) yield* await next;
  } finally {
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
