import type { AttachmentInput, MessageInput, NotificationInput, RecipientInput } from '../commands/notificationInput.ts';
import { present } from '../domain/kernel/present.ts';
import type { Content } from '../domain/values/content.ts';
import { parseDuration } from '../domain/values/duration.ts';
import { instantOf } from '../domain/values/instant.ts';
import type { Instant } from '../domain/values/instant.ts';
import type { RoutingInput } from '../domain/values/routing.ts';
import type { Schedule } from '../domain/values/schedule.ts';
import type { AttachmentBody, MessageBody, NotificationBody, RecipientBody, RoutingBody, ScheduleBody } from './schemas/notification.ts';

/** RFC 3339 that the schema let pass → UTC with milliseconds. */
export const instantIn = (text: string): Instant => instantOf(Date.parse(text));

/** ISO 8601 that the schema let pass → milliseconds. */
export function millisecondsIn(text: string): number {
  const parsed = parseDuration(text);
  if (typeof parsed === 'number') return parsed;
  throw new TypeError('a duration passed the schema and cannot be read');
}

function attachmentIn(body: AttachmentBody): AttachmentInput {
  const part = present({ disposition: body.disposition, contentId: body.contentId });
  if (body.id !== undefined) return { ...part, ...present({ id: body.id, filename: body.filename }) };
  const { filename = '', contentType = '', content = '' } = body;
  return { ...part, filename, contentType, content: Buffer.from(content, 'base64') };
}

export function recipientIn(body: RecipientBody): RecipientInput {
  if (typeof body === 'string') return { recipientId: body.normalize('NFC') };
  const { recipientId, attachments, ...rest } = body;
  return present({ ...rest, recipientId: recipientId?.normalize('NFC'), attachments: attachments?.map(attachmentIn) });
}

export function routingIn(body: RoutingBody): RoutingInput {
  const { method, until = 'accepted', wait } = typeof body === 'string' ? { method: body } : body;
  if (method === 'all') return { method };
  return until === 'accepted'
    ? { method, until }
    : present({ method, until, waitMs: wait === undefined ? undefined : millisecondsIn(wait) });
}

/** A local time is kept as it was written: the zone's rules of its day make it an instant. */
export function scheduleIn(body: ScheduleBody): Schedule {
  if (body.at !== undefined) return { at: instantIn(body.at) };
  return { local: body.local ?? '', timeZone: body.timeZone ?? '' };
}

function contentIn(body: NonNullable<MessageBody['content']>): Content {
  const { subject, text, html, ...channels } = body;
  return subject === undefined ? present(channels) : present({ ...channels, email: present({ subject, text, html }) });
}

function expiryIn({ expiresAt, expiresAfter }: MessageBody): MessageInput['expires'] {
  if (expiresAt !== undefined) return { at: instantIn(expiresAt) };
  return expiresAfter === undefined ? undefined : { afterMs: millisecondsIn(expiresAfter) };
}

const mapped = <T, U>(value: T | undefined, map: (value: T) => U): U | undefined => (value === undefined ? undefined : map(value));

/** What the schema let pass, in the words of the commands. No default is filled in. */
export function messageIn(body: MessageBody): MessageInput {
  return present({
    type: body.type,
    category: body.category,
    priority: body.priority,
    key: body.key,
    channels: body.channels,
    variables: body.variables,
    routing: mapped(body.routing, routingIn),
    template: mapped(body.template, (it) => (typeof it === 'string' ? { key: it } : it)),
    content: mapped(body.content, contentIn),
    schedule: mapped(body.schedule, scheduleIn),
    expires: expiryIn(body),
    dedup: mapped(body.dedup, ({ key, window }) => ({ key, windowMs: millisecondsIn(window) })),
    attachments: mapped(body.attachments, (all) => all.map(attachmentIn)),
    context: body.context,
  });
}

export const toNotificationInput = (body: NotificationBody): NotificationInput => ({
  ...messageIn(body),
  recipients: body.recipients.map(recipientIn),
});
