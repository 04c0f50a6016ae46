import type { OpenedBatch } from '../../domain/batch/batch.ts';
import type { BatchCarriedOut, BatchEvent } from '../../domain/batch/events.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import type { NotificationCommand } from '../../domain/notification/notification.ts';
import type { NotificationId, Position } from '../../domain/values/ids.ts';
import { epochMsOf, type Instant } from '../../domain/values/instant.ts';
import { streamOf } from '../../domain/values/streams.ts';
import { handleMany } from '../../commands/handle.ts';
import type { Clock, Envelope, EventLog } from '../../commands/ports.ts';
import { BATCH, NOTIFICATION } from '../../commands/registry.ts';
import type { Action, Claim, Effect, Ended, Prolong } from '../process.ts';

type BatchPorts = { readonly log: EventLog; readonly clock: Clock };

/** Notifications told in one go: their streams are read whole. */
const TOLD_AT_ONCE = 20;

/** Tells the notifications of a batch what its state means for them; telling them twice changes nothing. */
export function applyBatchEffect({ log, clock }: BatchPorts): Effect {
  const commands = handleMany(log, NOTIFICATION);

  async function carryOut(action: Action, isHeld: IsHeld): Promise<Ended> {
    const stream = streamOf('batch', action.tenant, action.target);
    const events = (await log.read<BatchEvent>([stream])).get(stream) ?? [];
    const state = events.reduce((so, { event }) => BATCH.decider.evolve(so, event), BATCH.decider.initial());
    if (state.status === 'absent') return 'nothing';
    const revision = events.length - 1;
    const ids = state.chunks.flatMap(({ notificationId }) => notificationId ?? []);
    if (!(await tellAll(action, { state, revision }, ids, isHeld))) return 'overtaken';
    const done: BatchCarriedOut = { type: 'BatchCarriedOut', data: { batchId: state.opened.batchId, carriedOutAt: clock.now() } };
    const [result] = await log.append([{ stream, at: revision, events: [done], envelope: envelope(action, `done.${String(revision)}`) }]);
    if (result?.ok === true) return result.position;
    // Its state has changed meanwhile: what has been said may be out of date, so it is all said again.
    if (result?.conflict === true) return carryOut(action, isHeld);
    throw result?.error ?? new PortError('unavailable', 'no_outcome', 'the log gave no outcome');
  }

  type Seen = { readonly state: OpenedBatch; readonly revision: number };

  /** False: another has it by now. */
  async function tellAll(action: Action, seen: Seen, ids: readonly NotificationId[], isHeld: IsHeld): Promise<boolean> {
    for (let at = 0; at < ids.length; at += TOLD_AT_ONCE) {
      if (!(await isHeld(action))) return false;
      await tell(action, seen, ids.slice(at, at + TOLD_AT_ONCE));
    }
    return isHeld(action);
  }

  async function tell(action: Action, { state, revision }: Seen, ids: readonly NotificationId[]): Promise<void> {
    const wanted = commandsOf(state, clock.now());
    for (const [place, input] of wanted.entries()) {
      const outcomes = await commands(
        ids.map((id) => {
          // The revision belongs to the command: what is said of a later state of the batch is no repeat.
          const step = `${String(revision)}.${String(place)}.${id}`;
          return { id, input, context: { tenant: action.tenant, envelope: envelope(action, step) } };
        }),
      );
      // A refusal means that nothing of it was left to change.
      const failed = outcomes.find((it) => it instanceof PortError);
      if (failed instanceof PortError) throw failed;
    }
  }

  const envelope = (action: Action, step: string): Envelope => ({
    commandId: `${action.id}.${step}`,
    correlationId: action.target,
    causationId: action.id,
    actor: { kind: 'system', id: 'batches' },
    occurredAt: clock.now(),
  });

  return async (claim, signal, prolong) => {
    const isHeld = holding(claim, clock, signal, prolong);
    let last: Position | 'nothing' = 'nothing';
    for (const action of claim.actions) {
      const position = await carryOut(action, isHeld);
      if (position === 'overtaken') return position;
      if (position !== 'nothing' && (last === 'nothing' || position > last)) last = position;
    }
    return last;
  };
}

type IsHeld = (action: Action) => Promise<boolean>;

/** Throws when the process is to end. A claim gets its full time again when half of it has passed: a large batch takes longer, and would be begun anew beside itself. */
function holding(claim: Claim, clock: Clock, signal: AbortSignal, prolong?: Prolong): IsHeld {
  const halfOf = ({ until }: Claim): number => (clock.epochMs() + epochMsOf(until)) / 2;
  let half = halfOf(claim);
  return async ({ id }) => {
    signal.throwIfAborted();
    if (prolong === undefined || clock.epochMs() < half) return true;
    const longer = await prolong();
    if (longer !== undefined) half = halfOf(longer);
    return longer?.actions.some((it) => it.id === id) ?? false;
  };
}

function commandsOf(state: OpenedBatch, now: Instant): readonly NotificationCommand[] {
  if (state.cancelled !== undefined) return [{ type: 'CancelNotification', data: { now } }];
  const { schedule, planAt } = state;
  return [
    // To where it stands already is no news to it.
    ...(schedule === undefined ? [] : [{ type: 'RescheduleNotification' as const, data: { now, schedule, planAt } }]),
    ...(state.paused ? [] : [{ type: 'ReleaseNotification' as const, data: { now } }]),
  ];
}
