import { drawing } from '../support/drawing.ts';
import { SMALL, WIDE } from './configurations.ts';
import { Replay, type Seen } from './replay.ts';
import type { Config } from './world.ts';

/** Too large to be visited completely: up to three people, two notifications, and every fault more than once. */
function drawn(below: (most: number) => number): Config {
  const people = 1 + below(3);
  const [isKeyed, sharesAddress] = [below(4) === 0, below(4) === 0];
  const deliveries = Array.from({ length: 1 + below(2) }, (_, notification) =>
    Array.from({ length: people }, (_person, person) => ({
      notification,
      subject: `p${String(person)}`,
      address: `+${String(sharesAddress ? 0 : person)}`,
      ...(isKeyed ? { key: `k${String(person)}` } : {}),
    })),
  ).flat();
  const [moved, isShort] = [below(4), below(3) === 0];
  return {
    name: 'drawn',
    deliveries,
    subBatch: 1 + below(2),
    keys: below(2) === 0,
    hold: below(3) === 0,
    cancel: below(2) === 0,
    ...(below(2) === 0 ? { optOut: { subject: 'p0', address: '+0' } } : {}),
    ...(moved === 1 ? { reschedule: true } : {}),
    ...(moved === 2 ? { batch: below(3) === 0 ? ('cancelled' as const) : ('resumed' as const) } : {}),
    ...(isShort ? { maxTries: 2, maxStarts: 3 } : {}),
    may: { crash: 2, freeze: 2, loss: 2, refusal: 3, final: 1, redrive: isShort ? 0 : 2, tick: 2 },
  };
}

const COMPLETE = [...SMALL, ...WIDE];

type Walked = { readonly steps: number; readonly seen: Seen };

/** So many walks of the model from this seed on, each replayed by the code; half of them in configurations that are visited completely. @throws with the seed and the way there. */
export async function walkAll(first: number, walks: number): Promise<Walked> {
  const seen: Seen = new Map();
  let steps = 0;
  for (let seed = first; seed < first + walks; seed += 1) {
    const draw = drawing(seed);
    const below = (most: number): number => draw() % most;
    const cfg = seed % 2 === 0 ? COMPLETE[(seed / 2) % COMPLETE.length]! : drawn(below);
    const replay = await Replay.open(cfg, below, seen);
    try {
      steps += await replay.walk();
    } catch (error) {
      throw new Error(`seed ${String(seed)}, ${JSON.stringify(cfg)}: ${String(error)}\n${replay.trail.join('\n')}`, { cause: error });
    }
    for (const status of await replay.ends()) seen.set(status, (seen.get(status) ?? 0) + 1);
  }
  return { steps, seen };
}
