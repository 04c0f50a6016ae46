import type { NotificationCommand } from '../../domain/notification/notification.ts';
import { notification } from '../../domain/notification/notification.ts';
import type { NotificationEvent } from '../../domain/notification/events.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { isRejection } from '../../domain/kernel/rejection.ts';
import type { StreamName } from '../../domain/values/ids.ts';
import { foldNotification } from '../../commands/foldNotification.ts';
import type { EventWrite, WriteResult } from '../../commands/ports.ts';
import type { Ended } from '../process.ts';
import type { Job } from './load.ts';
import type { DispatchPorts } from './ports.ts';

/**
 * Appends what jobs decide, all in one call, and keeps their states and revisions up to date. One job's error takes no other job with
 * it: it is kept, and told at the end.
 */
export type Writer = {
  /** At the loaded revision, once: a job whose stream has moved on is left out of `done` (a cancellation or another worker was first). */
  once(step: string, decided: readonly Decided[]): Promise<{ readonly done: readonly Job[]; readonly conflicts: number }>;
  /** Results are facts: after a conflict the job is loaded again, decided again and appended, until it succeeds. */
  untilDone(step: string, decided: readonly Decided[]): Promise<void>;
  /** Of the last event that was appended, or why there is none. @throws what the first of the jobs failed with. */
  end(): Ended;
};
export type Decided = { readonly job: Job; readonly command: NotificationCommand };
type Draft = Decided & { readonly events: readonly NotificationEvent[] };

/** Conflicts are with cancellations and other workers, each of which writes a bounded number of times. */
const MOST_CONFLICTS = 50;
/** The log sends an append again by itself; this is for when it takes nothing more, or cannot be read, for a while. Milliseconds, doubled each time. */
const [PATIENCE, PAUSE_MS] = [6, 250];

export function writer({ log, clock, pause }: Pick<DispatchPorts, 'log' | 'clock' | 'pause'>, claim: string): Writer {
  let last: Ended = 'nothing';
  const errors: unknown[] = [];

  /** What was written, what lost a race, and what may not have been taken. */
  async function attempt(step: string, decided: readonly Decided[]): Promise<{ done: Job[]; conflicts: Decided[]; again: Decided[] }> {
    const drafts = decided.flatMap((it) => draft(it, errors));
    const [changed, unchanged] = [drafts.filter(({ events }) => events.length > 0), drafts.filter(({ events }) => events.length === 0)];
    const results = changed.length > 0 ? await log.append(changed.map((it) => writeOf(it, step))) : [];
    const [done, conflicts, again]: [Job[], Decided[], Decided[]] = [unchanged.map(({ job }) => job), [], []];
    for (const [at, it] of changed.entries()) {
      const result: WriteResult = results[at] ?? { ok: false, conflict: false, error: NO_OUTCOME };
      if (result.ok) {
        last = last === 'nothing' || last === 'overtaken' || result.position > last ? result.position : last;
        done.push(advanced(it, result.revision));
      } else if (result.conflict) conflicts.push(it);
      else if (result.error.retryable) again.push(it);
      else errors.push(result.error);
    }
    return { done, conflicts, again };
  }

  const writeOf = ({ job, events }: Draft, step: string): EventWrite => ({
    stream: job.stream,
    at: job.revision,
    events,
    envelope: {
      // Of one claim, step and revision there is one content only: sent again it is the same, decided again it has another revision.
      commandId: `${claim}:${step}:${String(job.revision)}`,
      correlationId: job.correlationId,
      causationId: claim,
      actor: { kind: 'system', id: 'dispatch' },
      occurredAt: clock.now(),
    },
  });

  /** An append whose outcome is open is sent again with the same ids and expectation, and only a definite answer settles it. */
  async function patiently(step: string, decided: readonly Decided[]): Promise<{ done: Job[]; conflicts: Decided[] }> {
    const { done, conflicts, again } = await attempt(step, decided);
    for (let [open, tries] = [again, 0]; open.length > 0; tries += 1) {
      if (tries >= PATIENCE) {
        errors.push(NO_OUTCOME);
        break;
      }
      await pause(PAUSE_MS * 2 ** tries);
      const next = await attempt(step, open);
      done.push(...next.done);
      conflicts.push(...next.conflicts);
      open = next.again;
    }
    return { done, conflicts };
  }

  /** Whoever has answers in hand must not drop them because the log cannot be read for a moment. */
  async function readPatiently(streams: readonly StreamName[]): ReturnType<typeof log.read<NotificationEvent>> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await log.read<NotificationEvent>(streams);
      } catch (error) {
        if (tries >= PATIENCE || !(error instanceof PortError) || !error.retryable) throw error;
        await pause(PAUSE_MS * 2 ** tries);
      }
    }
  }

  async function reload(decided: readonly Decided[]): Promise<readonly Decided[]> {
    const streams = await readPatiently(decided.map(({ job }) => job.stream));
    return decided.filter(({ job }) => {
      const events = streams.get(job.stream) ?? [];
      const state = foldNotification(events);
      if (state === undefined) return false;
      job.state = state;
      job.revision = events.length - 1;
      return true;
    });
  }

  return {
    once: async (step, decided) => {
      const { done, conflicts } = await patiently(step, decided);
      if (conflicts.length > 0 && last === 'nothing') last = 'overtaken';
      return { done, conflicts: conflicts.length };
    },
    untilDone: async (step, decided) => {
      let open = decided;
      for (let tries = 0; open.length > 0; tries += 1) {
        if (tries > MOST_CONFLICTS) throw new Error(`still conflicts after ${String(tries)} tries`);
        const { conflicts } = await patiently(`${step}.${String(tries)}`, open);
        open = conflicts.length > 0 ? await reload(conflicts) : [];
      }
    },
    end: () => {
      if (errors.length > 0) throw errors[0];
      return last;
    },
  };
}

const NO_OUTCOME = new PortError('unavailable', 'no_outcome', 'the log did not say whether it took a write');

function draft(it: Decided, errors: unknown[]): readonly Draft[] {
  const decision = notification.decide(it.command, it.job.state);
  if (!isRejection(decision)) return [{ ...it, events: decision }];
  errors.push(new Error(`${it.command.type} was refused: ${decision.rejected}`));
  return [];
}

function advanced({ job, events }: Draft, revision: number): Job {
  for (const event of events) {
    const state = notification.evolve(job.state, event);
    if (state.status === 'requested') job.state = state;
  }
  job.revision = revision;
  return job;
}
