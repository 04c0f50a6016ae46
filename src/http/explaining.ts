import type { EventLog } from '../commands/ports.ts';
import { indexOf } from '../domain/notification/delivery.ts';
import { deliveriesOf, explain } from '../domain/notification/explanation.ts';
import type { Explanation } from '../domain/notification/explanation.ts';
import type { NotificationEvent } from '../domain/notification/events.ts';
import { foldNotification } from '../commands/foldNotification.ts';
import type { RequestedNotification } from '../domain/notification/evolve.ts';
import type { NotificationId, SubjectId, TenantId } from '../domain/values/ids.ts';
import { streamOf } from '../domain/values/streams.ts';
import type { Recorded } from '../domain/kernel/metadata.ts';

export type Told = { readonly n: number; readonly subject: SubjectId; readonly explanation: Explanation };

/** Notifications as their log tells them, which answers for as long as the log is there. */
export function explaining(log: EventLog) {
  async function events(tenant: TenantId, id: NotificationId): Promise<readonly Recorded<NotificationEvent>[]> {
    const stream = streamOf('notification', tenant, id);
    return (await log.read<NotificationEvent>([stream])).get(stream) ?? [];
  }

  /** Undefined: no such notification. */
  async function requested(tenant: TenantId, id: NotificationId): Promise<RequestedNotification | undefined> {
    return foldNotification(await events(tenant, id));
  }

  async function delivery(tenant: TenantId, id: NotificationId, n: number): Promise<Told | undefined> {
    const read = await events(tenant, id);
    const explanation = explain(read, n);
    const recipient = foldNotification(read)?.requested.recipients.find(({ index }) => index === indexOf(n));
    return explanation === undefined || recipient === undefined ? undefined : { n, subject: recipient.subject, explanation };
  }

  /** Every delivery of one person in one notification; undefined: no such notification, or not for them. */
  async function ofPerson(tenant: TenantId, id: NotificationId, subject: SubjectId): Promise<readonly Told[] | undefined> {
    const read = await events(tenant, id);
    const state = foldNotification(read);
    const recipient = state?.requested.recipients.find((it) => it.subject === subject);
    if (state === undefined || recipient === undefined) return undefined;
    return deliveriesOf(state.requested.terms.channels, recipient.index).flatMap((n) => {
      const explanation = explain(read, n);
      return explanation === undefined ? [] : [{ n, subject, explanation }];
    });
  }

  return { requested, delivery, ofPerson };
}
export type Explaining = ReturnType<typeof explaining>;
