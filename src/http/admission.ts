import type { LoadGauges } from './ports.ts';
import { refuse } from './problems.ts';
import type { Refusal } from './problems.ts';

export type AdmissionLimits = {
  readonly requests: number;
  /** Of these at most so many stream a body in: they stay long. */
  readonly uploads: number;
  readonly bytesWaiting: number;
  readonly actionsDue: number;
  readonly eventLoopDelayMs: number;
};

export const ADMISSION: AdmissionLimits = {
  requests: 2000,
  uploads: 64,
  bytesWaiting: 64 * 1024 * 1024,
  actionsDue: 5_000_000,
  eventLoopDelayMs: 1000,
};

/** A read needs the process; a command needs the log and what comes after it too. */
export type Kind = 'read' | 'command' | 'upload';

export interface Admission {
  /** Before the body is read: the way out, or a refusal. */
  enter(kind: Kind): (() => void) | Refusal;
}

/** Bounds on what is going on: past one, a quick 503 now instead of a slow one for all. */
export function createAdmission(gauges: LoadGauges, limits: AdmissionLimits): Admission {
  let requests = 0;
  let uploads = 0;

  function exceeded(kind: Kind): string | undefined {
    if (requests >= limits.requests) return 'Too many requests are in flight';
    if (gauges.eventLoopDelayMs() > limits.eventLoopDelayMs) return 'The process is busy';
    if (kind === 'read') return undefined;
    if (kind === 'upload' && uploads >= limits.uploads) return 'Too many uploads are under way';
    if (gauges.bytesWaiting() > limits.bytesWaiting) return 'The log is behind';
    return gauges.actionsDue() > limits.actionsDue ? 'Sending is behind' : undefined;
  }

  return {
    enter: (kind) => {
      const reason = exceeded(kind);
      if (reason !== undefined) return refuse('overloaded', `${reason}: try again after Retry-After.`, { headers: { 'Retry-After': '2' } });
      const streams = kind === 'upload' ? 1 : 0;
      requests += 1;
      uploads += streams;
      let inside = true;
      return () => {
        if (!inside) return;
        inside = false;
        requests -= 1;
        uploads -= streams;
      };
    },
  };
}
