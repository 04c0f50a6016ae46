import type { Wants } from './applying.ts';
import { bell } from './bell.ts';
import { isBefore, type Checkpoint } from './position.ts';
import type { Time } from './ports.ts';

/** Milliseconds; whoever waits asks several times a second. */
const WANTED_MS = 2_000;

/**
 * What others want of a consumer, nothing yet. A position counts while it is asked for: one that never comes, as anybody may ask for it, would keep
 * the consumer from resting, and from telling those who wait for a nearer one.
 */
export function wanting(time: Time): Wants {
  let [furthest, until]: [Checkpoint, number] = ['start', 0];
  const wanted = (): Checkpoint => (time.epochMs() < until ? furthest : 'start');
  return {
    bell: bell(time),
    parked: false,
    get position() {
      return wanted();
    },
    want: (position) => {
      if (!isBefore(position, wanted())) [furthest, until] = [position, time.epochMs() + WANTED_MS];
    },
    met: () => {
      furthest = 'start';
    },
  };
}
