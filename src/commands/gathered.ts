import { PortError } from '../domain/kernel/portError.ts';

type CarryOut<Item, Result> = (items: readonly Item[]) => Promise<readonly Result[]>;
type Call<Item, Result> = {
  readonly items: readonly Item[];
  readonly resolve: (results: readonly Result[]) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Calls that come while `atOnce` others are under way go together in the next, up to `most` items of them: one statement and one append
 * for all, instead of each its own. Nobody waits for company. What fails together is carried out again one by one, since what is wrong
 * with one caller's input is nothing to the others; only what the ports say (down, overloaded) holds for all of them.
 */
export function gathered<Item, Result>(
  carryOut: CarryOut<Item, Result>,
  { most, atOnce }: { readonly most: number; readonly atOnce: number },
): CarryOut<Item, Result> {
  const waiting: Call<Item, Result>[] = [];
  let underWay = 0;

  const alone = ({ items, resolve, reject }: Call<Item, Result>): Promise<void> => carryOut(items).then(resolve, reject);

  async function together(calls: readonly Call<Item, Result>[]): Promise<void> {
    try {
      const results = await carryOut(calls.flatMap(({ items }) => items));
      let from = 0;
      for (const { items, resolve } of calls) resolve(results.slice(from, (from += items.length)));
    } catch (error) {
      if (error instanceof PortError) for (const { reject } of calls) reject(error);
      else await Promise.all(calls.map(alone));
    }
  }

  function next(): readonly Call<Item, Result>[] {
    let items = 0;
    const over = waiting.findIndex((call, at) => (items += call.items.length) > most && at > 0);
    return waiting.splice(0, over === -1 ? waiting.length : over);
  }

  async function work(): Promise<void> {
    underWay += 1;
    while (waiting.length > 0) {
      const calls = next();
      const [first] = calls;
      await (calls.length === 1 && first !== undefined ? alone(first) : together(calls));
    }
    underWay -= 1;
  }

  return (items) =>
    new Promise((resolve, reject) => {
      waiting.push({ items, resolve, reject });
      if (underWay < atOnce) void work();
    });
}
