import type { Line } from './lines.ts';

/** How many groups are worked on at once: while one is appended, the next is parsed. */
const AT_ONCE = 4;

/**
 * Works on several groups at once and gives the results in order, each as soon as it is its turn: a sender may wait for a verdict
 * before it writes on. Nothing more is taken from `groups` than can be worked on.
 */
export async function* inOrder<In, Out>(groups: AsyncIterable<In>, work: (group: In) => Promise<readonly Out[]>): AsyncGenerator<Out> {
  const iterator = groups[Symbol.asyncIterator]();
  const under: Promise<readonly Out[]>[] = [];
  let reading: Promise<IteratorResult<In>> | undefined;
  let ended = false;
  try {
    for (;;) {
      if (!ended && under.length < AT_ONCE) reading ??= iterator.next();
      const [oldest] = under;
      if (oldest === undefined && reading === undefined) return;
      const read = await (oldest === undefined ? reading : Promise.race([oldest.then(() => undefined), ...(reading ? [reading] : [])]));
      if (read === undefined) {
        yield* (await under.shift()) ?? [];
        continue;
      }
      reading = undefined;
      if (read.done === true) ended = true;
      else {
        const result = work(read.value);
        // Awaited above, in its turn; until then a failure must not count as unhandled.
        result.catch(() => undefined);
        under.push(result);
      }
    }
  } finally {
    reading?.catch(() => undefined);
    await Promise.allSettled(under);
    if (!ended && reading === undefined) await iterator.return?.();
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
