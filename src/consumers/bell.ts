import type { Time } from './ports.ts';

/** Wakes loops that have nothing to do. A ring while nobody waits is kept for the next wait. */
export type Bell = {
  readonly ring: () => void;
  /** Until the next ring, or so many ms. */
  readonly wait: (ms?: number) => Promise<void>;
};

export function bell(time: Time): Bell {
  const waiting = new Set<() => void>();
  let kept = false;
  return {
    ring: () => {
      kept = waiting.size === 0;
      for (const wake of [...waiting]) wake();
    },
    wait: (ms) => {
      if (kept) {
        kept = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const wake = (): void => {
          cancel?.();
          waiting.delete(wake);
          resolve();
        };
        const cancel = ms === undefined ? undefined : time.after(ms, wake);
        waiting.add(wake);
      });
    },
  };
}
