import type { EngagementItem } from '../../domain/engagement/events.ts';
import type { RecordEngagement } from '../../domain/engagement/engagement.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { isRejection } from '../../domain/kernel/rejection.ts';
import { deliveryIdIn, indexOf } from '../../domain/notification/delivery.ts';
import type { NotificationEvent } from '../../domain/notification/events.ts';
import type { RequestedNotification } from '../../domain/notification/evolve.ts';
import type { StreamName } from '../../domain/values/ids.ts';
import { streamOf } from '../../domain/values/streams.ts';
import { foldNotification } from '../../commands/foldNotification.ts';
import { handleMany, type Item } from '../../commands/handle.ts';
import type { Clock, EventLog, Ids } from '../../commands/ports.ts';
import { ENGAGEMENT } from '../../commands/registry.ts';
import type { FeedbackItem, FeedbackSink } from './ports.ts';

type FeedbackPorts = {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Feedback about something that is not here is counted and dropped: it says nothing about anybody we know. */
  readonly watch: (what: FeedbackItem['kind'] | 'unknown', count: number) => void;
};

/** Provider feedback → engagement events: one read and one append for all notifications of a batch. */
export function feedbackSink({ log, clock, ids, watch }: FeedbackPorts): FeedbackSink {
  const recordMany = handleMany(log, ENGAGEMENT);
  return {
    record: async (items) => {
      const byStream = new Map<StreamName, FeedbackItem[]>();
      for (const item of items) {
        const stream = streamOf('notification', item.tenant, item.notificationId);
        byStream.set(stream, [...(byStream.get(stream) ?? []), item]);
      }
      const streams = await log.read<NotificationEvent>([...byStream.keys()]);
      const commands = [...byStream].flatMap(([stream, own]): Item<RecordEngagement>[] => {
        const state = foldNotification(streams.get(stream) ?? []);
        const known = state === undefined ? [] : own.flatMap((item) => engagementItem(state, item));
        if (known.length < own.length) watch('unknown', own.length - known.length);
        const [first] = own;
        return state === undefined || first === undefined || known.length === 0 ? [] : [commandOf(state, first, known)];
      });
      const failed = (await recordMany(commands)).find((it) => it instanceof PortError || isRejection(it));
      if (failed instanceof PortError) throw failed;
      for (const { input } of commands) for (const item of input.data.items) watch(item.kind, 1);
    },
  };

  function commandOf(
    { requested }: RequestedNotification,
    { tenant }: FeedbackItem,
    items: readonly EngagementItem[],
  ): Item<RecordEngagement> {
    const [now, commandId] = [clock.now(), ids.uuid()];
    return {
      id: requested.notificationId,
      input: {
        type: 'RecordEngagement',
        data: { notificationId: requested.notificationId, requestedAt: requested.requestedAt, items, now },
      },
      context: {
        tenant,
        envelope: {
          commandId,
          correlationId: commandId,
          causationId: commandId,
          actor: { kind: 'system', id: 'feedback' },
          occurredAt: now,
        },
      },
    };
  }
}

/** Of a delivery that was started at least once; anything else cannot have been answered. */
function engagementItem(state: RequestedNotification, item: FeedbackItem): readonly EngagementItem[] {
  const n = deliveryIdIn(item.deliveryId)?.n;
  const delivery = n === undefined ? undefined : state.deliveries.get(n);
  if (n === undefined || delivery === undefined || delivery.starts === 0) return [];
  const recipient = state.requested.recipients.find(({ index }) => index === indexOf(n));
  if (recipient === undefined) return [];
  const { kind, provider, providerEventId, at, bounceType } = item;
  return [
    { n, subject: recipient.subject, kind, provider, eventId: providerEventId, at, ...(bounceType === undefined ? {} : { bounceType }) },
  ];
}
