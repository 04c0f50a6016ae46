import { random } from './random.ts';

/**
 * How long (ms) to wait before each further try: up to twice as long each time, never longer than `longest`. Half of it is chance, so that those
 * who failed together do not come back together.
 */
export function backOff(first: number, longest: number): () => number {
  let upTo = first;
  return () => {
    const pause = Math.min(upTo, longest) * (0.5 + 0.5 * random());
    upTo = Math.min(2 * upTo, longest);
    return pause;
  };
}
