import type { Clock } from '../commands/ports.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { LoadGauges } from './ports.ts';
import { refuse } from './problems.ts';
import type { Refusal } from './problems.ts';

export type AdmissionLimits = {
  readonly requests: number;
  /** Of these at most so many stream a body in: they stay long. */
  readonly uploads: number;
  /** Of files that are on their way in: each is held as a whole. */
  readonly uploadBytes: number;
  /** Less than the log's queue holds: past that it refuses by itself, what has been read and what is under way. */
  readonly bytesWaiting: number;
  readonly actionsDue: number;
  readonly eventLoopDelayMs: number;
  /** While commands take longer than this, even the fastest of them, only `fewCommands` are let in at once. */
  readonly commandMs: number;
  readonly fewCommands: number;
};

export const ADMISSION: AdmissionLimits = {
  requests: 2000,
  uploads: 64,
  uploadBytes: 256 * 1024 * 1024,
  bytesWaiting: 32_000_000,
  actionsDue: 5_000_000,
  eventLoopDelayMs: 1000,
  commandMs: 1000,
  fewCommands: 64,
};

/** A read needs the process; a command needs the log and what comes after it too. */
export type Kind = 'read' | 'command' | 'upload';

/** Of one who has been let in. */
export type Place = {
  /** Reads the body: the time that the caller takes for it says nothing of ours. */
  readonly body: <T>(read: () => Promise<T>) => Promise<T>;
  /** The way out, with the status of the answer. */
  readonly leave: (status: number) => void;
};

export interface Admission {
  /** Before the body is read: a place, or a refusal. */
  enter(kind: Kind): Place | Refusal;
  /**
   * Of an upload that has entered, once it is known whose it is: the way out, or a refusal where this tenant has more of them, or of their
   * bytes, than are free. So one has half of the places, a second a quarter, and whoever sends slowly on all that it gets locks out nobody.
   * `bytes`: that may come and are held until they are all there.
   */
  share(tenant: TenantId, bytes: number): (() => void) | Refusal;
}

const WINDOW_MS = 1000;

/**
 * How long the fastest of the commands of the last one to two seconds took; of those before, where none has ended since. A few slow ones
 * say nothing; when even the fastest has waited, all of them stand in a queue (RFC 8289, controlled delay). Undefined: none has ended.
 */
function fastestLately(clock: Pick<Clock, 'epochMs'>) {
  type Window = { readonly of: number; readonly ms: number };
  let [last, lately]: (Window | undefined)[] = [];
  const nth = (): number => Math.floor(clock.epochMs() / WINDOW_MS);
  return {
    took: (ms: number): void => {
      if (last?.of === nth()) last = { of: last.of, ms: Math.min(last.ms, ms) };
      else [last, lately] = [{ of: nth(), ms }, last];
    },
    ms: (): number | undefined => (last !== undefined && lately?.of === last.of - 1 ? Math.min(last.ms, lately.ms) : last?.ms),
  };
}

/** What of a request's time is ours. `ourMs`: undefined where its body did not come to its end. */
function watched(clock: Pick<Clock, 'epochMs'>): Pick<Place, 'body'> & { readonly ourMs: () => number | undefined } {
  let since: number | undefined = clock.epochMs();
  return {
    body: async (read) => {
      since = undefined;
      const value = await read();
      since = clock.epochMs();
      return value;
    },
    ourMs: () => (since === undefined ? undefined : clock.epochMs() - since),
  };
}

const overloaded = (reason: string): Refusal =>
  refuse('overloaded', `${reason}: try again after Retry-After.`, { headers: { 'Retry-After': '2' } });

/** Runs it once, however often it is asked. */
function once(run: () => void): () => void {
  let inside = true;
  return () => {
    if (inside) run();
    inside = false;
  };
}

const NONE: { readonly uploads: number; readonly bytes: number } = { uploads: 0, bytes: 0 };

/** Bounds on what is going on: past one, a quick 503 now instead of a slow one for all. */
export function createAdmission(gauges: LoadGauges, limits: AdmissionLimits, clock: Pick<Clock, 'epochMs'>): Admission {
  let requests = 0;
  let uploads = 0;
  const ofTenant = new Map<TenantId, typeof NONE>();
  let heldBytes = 0;
  let commands = 0;
  const fastest = fastestLately(clock);

  /** One that was refused for what it is was quick without the log. */
  const isTelling = (status: number, ms: number): boolean => status < 400 || status >= 500 || ms > limits.commandMs;
  const allWait = (): boolean => commands >= limits.fewCommands && (fastest.ms() ?? 0) > limits.commandMs;
  function exceeded(kind: Kind): string | undefined {
    if (requests >= limits.requests) return 'Too many requests are in flight';
    if (gauges.eventLoopDelayMs() > limits.eventLoopDelayMs) return 'The process is busy';
    if (kind === 'read') return undefined;
    if (kind === 'command' && allWait()) return 'Commands wait too long';
    if (kind === 'upload' && uploads >= limits.uploads) return 'Too many uploads are under way';
    if (gauges.bytesWaiting() > limits.bytesWaiting) return 'The log is behind';
    return gauges.actionsDue() > limits.actionsDue ? 'Sending is behind' : undefined;
  }

  return {
    enter: (kind) => {
      const reason = exceeded(kind);
      if (reason !== undefined) return overloaded(reason);
      const count = (by: number): void => {
        requests += by;
        if (kind === 'upload') uploads += by;
        if (kind === 'command') commands += by;
      };
      count(1);
      const { body, ourMs } = watched(clock);
      let isIn = true;
      const leave = (status: number): void => {
        if (!isIn) return;
        isIn = false;
        count(-1);
        const ms = ourMs();
        if (kind === 'command' && ms !== undefined && isTelling(status, ms)) fastest.took(ms);
      };
      return { body, leave };
    },
    share: (tenant, bytes) => {
      const taken = ofTenant.get(tenant) ?? NONE;
      if (taken.uploads > limits.uploads - uploads) return overloaded('Too many uploads of this tenant are under way');
      if (bytes > 0 && taken.bytes + bytes > limits.uploadBytes - heldBytes)
        return overloaded('The files of this tenant that are under way are too large');
      const move = (by: number): void => {
        const { uploads: n, bytes: held } = ofTenant.get(tenant) ?? NONE;
        heldBytes += by * bytes;
        if (n + by > 0) ofTenant.set(tenant, { uploads: n + by, bytes: held + by * bytes });
        else ofTenant.delete(tenant);
      };
      move(1);
      return once(() => move(-1));
    },
  };
}
