import type { NotificationEvent } from '../domain/notification/events.ts';
import type { NotificationId, StreamName, SubjectId, TenantId } from '../domain/values/ids.ts';
import { streamOf } from '../domain/values/streams.ts';
import type { EventLog } from './ports.ts';
import { subjectSet } from './subjectSet.ts';

/** Everybody whom earlier chunks of an upload hold. */
export interface BatchPeople {
  /** A chunk that an earlier upload has left in the log: its people are read once somebody asks. */
  remember(notification: NotificationId): void;
  add(subjects: readonly SubjectId[]): void;
  /** Who stands there already. @throws PortError `unavailable` */
  known(): Promise<(subject: SubjectId) => boolean>;
}

/** Notifications read at once: each holds up to 500 people and all that has happened to them. */
const AT_ONCE = 8;

/**
 * So that nobody gets a message twice because a batch names them in two chunks. What was recorded decides, not what the same lines would
 * come to today; an upload that only repeats reads nothing.
 */
export function batchPeople(log: EventLog, tenant: TenantId): BatchPeople {
  const people = subjectSet();
  let unread: NotificationId[] = [];

  const add = (subjects: readonly SubjectId[]): void => {
    for (const subject of subjects) people.add(subject);
  };

  async function read(ids: readonly NotificationId[]): Promise<void> {
    const streams = ids.map((id): StreamName => streamOf('notification', tenant, id));
    const found = await log.read<NotificationEvent>(streams);
    for (const [first] of found.values())
      if (first?.event.type === 'NotificationRequested') add(first.event.data.recipients.map(({ subject }) => subject));
  }

  return {
    remember: (notification) => void unread.push(notification),
    add,
    known: async () => {
      const ids = unread;
      for (let at = 0; at < ids.length; at += AT_ONCE) await read(ids.slice(at, at + AT_ONCE));
      unread = [];
      return (subject) => people.has(subject);
    },
  };
}
