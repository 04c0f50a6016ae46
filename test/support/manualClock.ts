import type { Clock } from '../../src/commands/ports.ts';
import type { Time } from '../../src/consumers/ports.ts';
import { epochMsOf, type Instant, instantOf } from '../../src/domain/values/instant.ts';

export type ManualClock = Clock &
  Time & {
    /** Moves on by so many ms, running what falls due in order of its instant, and what that sets in turn. */
    readonly advance: (ms: number) => void;
    readonly set: (instant: Instant) => void;
    /** How many timers wait. */
    readonly waiting: () => number;
  };

type Timer = { readonly at: number; readonly run: () => void };

/** Time that moves only when a test says so. */
export function manualClock(start = '2026-01-01T00:00:00.000Z' as Instant): ManualClock {
  let nowMs = epochMsOf(start);
  const timers = new Set<Timer>();

  const nextDue = (byMs: number): Timer | undefined => [...timers].filter(({ at }) => at <= byMs).sort((a, b) => a.at - b.at)[0];

  const moveTo = (targetMs: number): void => {
    for (let due = nextDue(targetMs); due !== undefined; due = nextDue(targetMs)) {
      timers.delete(due);
      nowMs = Math.max(nowMs, due.at);
      due.run();
    }
    nowMs = targetMs;
  };

  return {
    epochMs: () => nowMs,
    now: () => instantOf(nowMs),
    after(ms, run) {
      const timer = { at: nowMs + Math.max(ms, 0), run };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance: (ms) => moveTo(nowMs + ms),
    set: (instant) => moveTo(epochMsOf(instant)),
    waiting: () => timers.size,
  };
}
