import type { NotificationCommand } from '../../domain/notification/notification.ts';
import { notification } from '../../domain/notification/notification.ts';
import type { NotificationEvent } from '../../domain/notification/events.ts';
import { isRejection } from '../../domain/kernel/rejection.ts';
import type { Position } from '../../domain/values/ids.ts';
import { foldNotification } from '../../commands/foldNotification.ts';
import type { Clock, EventLog, EventWrite } from '../../commands/ports.ts';
import type { Job } from './load.ts';

/** Appends what jobs decide, all in one call, and keeps their states and revisions up to date. */
export type Writer = {
  /** At the loaded revision, once: a job whose stream has moved on is left out of the answer (a cancellation or another worker was first). */
  once(step: string, decided: readonly Decided[]): Promise<readonly Job[]>;
  /** Results are facts: after a conflict the job is loaded again, decided again and appended, until it succeeds. */
  untilDone(step: string, decided: readonly Decided[]): Promise<void>;
  lastPosition(): Position | 'nothing';
};
export type Decided = { readonly job: Job; readonly command: NotificationCommand };

/** Conflicts are with cancellations and other workers, each of which writes a bounded number of times. */
const MOST_CONFLICTS = 50;

export function writer(log: EventLog, clock: Clock, claim: string): Writer {
  let last: Position | 'nothing' = 'nothing';
  const attempt = async (step: string, decided: readonly Decided[]): Promise<{ done: Job[]; conflicts: Decided[] }> => {
    const writes = decided.map((it) => ({ it, events: eventsOf(it) }));
    const [changed, unchanged] = [writes.filter(({ events }) => events.length > 0), writes.filter(({ events }) => events.length === 0)];
    const results = await log.append(changed.map(({ it, events }) => writeOf(it, events, step)));
    const [done, conflicts]: [Job[], Decided[]] = [unchanged.map(({ it }) => it.job), []];
    changed.forEach(({ it, events }, i) => {
      const result = results[i];
      if (result === undefined || (!result.ok && !result.conflict))
        throw result?.error ?? new Error('the log answered fewer writes than it was given');
      if (!result.ok) {
        conflicts.push(it);
        return;
      }
      last = last === 'nothing' || result.position > last ? result.position : last;
      done.push(advanced(it.job, events, result.revision));
    });
    return { done, conflicts };
  };

  const writeOf = ({ job }: Decided, events: readonly NotificationEvent[], step: string): EventWrite => ({
    stream: job.stream,
    at: job.revision,
    events,
    envelope: {
      commandId: `${claim}:${step}:${String(job.revision)}`,
      correlationId: job.correlationId,
      causationId: claim,
      actor: { kind: 'system', id: 'dispatch' },
      occurredAt: clock.now(),
    },
  });

  const reload = async (decided: readonly Decided[]): Promise<Decided[]> => {
    const streams = await log.read<NotificationEvent>(decided.map(({ job }) => job.stream));
    return decided.flatMap(({ job, command }) => {
      const events = streams.get(job.stream) ?? [];
      const state = foldNotification(events);
      if (state === undefined) return [];
      job.state = state;
      job.revision = events.length - 1;
      return [{ job, command }];
    });
  };

  return {
    once: async (step, decided) => (await attempt(step, decided)).done,
    untilDone: async (step, decided) => {
      let open = decided;
      for (let tries = 0; open.length > 0; tries += 1) {
        if (tries > MOST_CONFLICTS) throw new Error(`still conflicts after ${String(tries)} tries`);
        const { conflicts } = await attempt(`${step}.${String(tries)}`, open);
        open = conflicts.length > 0 ? await reload(conflicts) : [];
      }
    },
    lastPosition: () => last,
  };
}

function eventsOf({ job, command }: Decided): readonly NotificationEvent[] {
  const decision = notification.decide(command, job.state);
  if (isRejection(decision)) throw new Error(`${command.type} was refused: ${decision.rejected}`);
  return decision;
}

function advanced(job: Job, events: readonly NotificationEvent[], revision: number): Job {
  for (const event of events) {
    const state = notification.evolve(job.state, event);
    if (state.status === 'requested') job.state = state;
  }
  job.revision = revision;
  return job;
}
