import { KEY_REUSED } from '../domain/kernel/keyReused.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { isRejection } from '../domain/kernel/rejection.ts';
import type { NotificationEvent, NotificationRequested } from '../domain/notification/events.ts';
import type { NotificationId, Position, StreamName, TenantId } from '../domain/values/ids.ts';
import { streamOf } from '../domain/values/streams.ts';
import type { Acceptance } from './acceptance.ts';
import { isKeyed, type Draft, type Prepared, type Requested } from './draftNotification.ts';
import type { NotificationInput } from './notificationInput.ts';
import type { NotificationPorts } from './notificationPorts.ts';
import { verdictsOf } from './recipientVerdicts.ts';
import type { Resolved } from './resolveRecipients.ts';

/** What a request under the same key said first. */
type First = { readonly requested: NotificationRequested['data']; readonly position: Position };

/**
 * A repeat gets its first answer even where it would be refused by now (it has expired, its type has changed), and stores no file again.
 * What is all right and brings none is told as a repeat by its append.
 */
export const mayBeKnown = (draft: Draft): boolean => isKeyed(draft) && (draft.problems.length > 0 || bringsFiles(draft.request.input));
const bringsFiles = ({ attachments = [], recipients }: NotificationInput): boolean =>
  [...attachments, ...recipients.flatMap((it) => it.attachments ?? [])].some((it) => 'content' in it);

/** Of those whose streams are there. */
export async function firstsOf(
  ports: NotificationPorts,
  tenant: TenantId,
  drafts: readonly Draft[],
): Promise<ReadonlyMap<NotificationId, First>> {
  if (drafts.length === 0) return new Map();
  const streamOfDraft = ({ id }: Draft): StreamName => streamOf('notification', tenant, id);
  const streams = await ports.log.read<NotificationEvent>([...new Set(drafts.map(streamOfDraft))]);
  return new Map(
    drafts.flatMap((draft) => {
      const first = streams.get(streamOfDraft(draft))?.[0];
      return first?.event.type === 'NotificationRequested' ? [[draft.id, { requested: first.event.data, position: first.position }]] : [];
    }),
  );
}

/** Nothing was appended, since a request under the same key came first. */
export const wasThere = (prepared: Prepared | undefined, outcome: Requested | undefined): boolean =>
  outcome !== undefined &&
  !(outcome instanceof PortError) &&
  !isRejection(outcome) &&
  outcome.state.status === 'requested' &&
  outcome.state.requested !== prepared?.data;

/** The first answer, if it is the same that is asked. */
export function answerAgain(
  ports: NotificationPorts,
  { request, digest }: Draft,
  { requested, position }: First,
  now: Resolved,
): Acceptance {
  if (requested.request !== digest) return { problems: [KEY_REUSED] };
  ports.watch('replayed', requested.recipients.length);
  const recipients = verdictsOf(request.input, { ...requested, subjects: now.subjects });
  return { id: requested.notificationId, createdAt: requested.requestedAt, position, recipients, replayed: true };
}
