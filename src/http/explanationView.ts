import { present } from '../domain/kernel/present.ts';
import { deliveryIdOf } from '../domain/notification/delivery.ts';
import type { Explanation } from '../domain/notification/explanation.ts';
import { refusalSentence } from '../domain/notification/refusalSentence.ts';
import type { DeliveryId, NotificationId } from '../domain/values/ids.ts';
import type { RefusalRow } from '../projections/notifications/queries.ts';

export function explanationView(notification: NotificationId, recipientId: string, it: Explanation): object {
  const deliveryId: DeliveryId = deliveryIdOf(notification, it.n);
  return {
    deliveryId,
    notificationId: notification,
    recipientId,
    channel: it.channel,
    gates: it.gates.map(({ gate, verdict, code, because, facts, at }) => present({ gate, verdict, code, because, facts, at })),
    timeline: it.timeline,
    sentence: it.sentence,
  };
}

/** The event that tells of a refusal: the notification of those who were not refused, the batch's chunk of nobody, or the audit. */
function eventOf({ notification, batch }: RefusalRow): string {
  if (notification !== null) return 'NotificationRequested';
  return batch === null ? 'CommandRejected' : 'ChunkAdded';
}

/** Somebody who was refused when the message was asked for. */
export function refusalView(it: RefusalRow, recipientId: string): { readonly status: string; readonly sentence: string } {
  const { notification: notificationId, batch, place, type, code, detail, requestedAt: at, position } = it;
  const isLine = notificationId === null && batch !== null;
  const view = {
    status: 'rejected_at_accept',
    notificationId,
    ...present({ batchId: batch ?? undefined, ...(isLine ? { line: place } : { index: place }) }),
    recipientId,
    type,
    code,
    detail,
    gates: [],
    timeline: [{ at, event: eventOf(it), what: 'rejected', code, position }],
    sentence: refusalSentence(it),
  };
  return view;
}
