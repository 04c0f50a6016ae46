import { reject, type Rejection } from '../domain/kernel/rejection.ts';
import { present } from '../domain/kernel/present.ts';
import type { AttachmentRef } from '../domain/values/message.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { AttachmentInput, MessageInput, RecipientInput } from './notificationInput.ts';
import type { Files } from './notificationPorts.ts';

/** Files of a request, stored: those of all, and those of single recipients by index. */
export type Attached = { readonly shared: readonly AttachmentRef[]; readonly own: ReadonlyMap<number, readonly AttachmentRef[]> };

/** Stores what came with the request and looks up what was uploaded before; one call each for all of them. */
export async function attachmentsOf(
  files: Files,
  tenant: TenantId,
  input: Pick<MessageInput, 'attachments'> & { readonly recipients: readonly Pick<RecipientInput, 'attachments'>[] },
): Promise<Attached | { readonly problems: readonly Rejection[] }> {
  const wanted = [
    ...(input.attachments ?? []).map((it, at) => ({ it, index: -1, path: `/attachments/${String(at)}` })),
    ...input.recipients.flatMap((recipient, index) =>
      (recipient.attachments ?? []).map((it, at) => ({ it, index, path: `/recipients/${String(index)}/attachments/${String(at)}` })),
    ),
  ];
  if (wanted.length === 0) return { shared: [], own: new Map() };
  const ids = wanted.flatMap(({ it }) => ('id' in it ? [it.id] : []));
  const found = ids.length > 0 ? await files.find(tenant, ids) : new Map<string, AttachmentRef>();
  const problems = wanted.flatMap(({ it, path }) =>
    'id' in it && !found.has(it.id)
      ? [reject('attachment_not_found', 'upload it first (POST /v1/attachments); unused uploads expire', `${path}/id`)]
      : [],
  );
  if (problems.length > 0) return { problems };
  const fresh = wanted.flatMap(({ it }) => ('id' in it ? [] : [it]));
  const stored = fresh.length > 0 ? await files.put(tenant, fresh) : [];
  const refOf = new Map<AttachmentInput, AttachmentRef>(
    fresh.flatMap((it, at) => (stored[at] === undefined ? [] : [[it, stored[at]] as const])),
  );
  const refs = wanted.flatMap(({ it, index }) => {
    const ref = 'id' in it ? found.get(it.id) : refOf.get(it);
    return ref === undefined
      ? []
      : [{ index, ref: { ...ref, ...present({ filename: it.filename, disposition: it.disposition, contentId: it.contentId }) } }];
  });
  const own = new Map<number, AttachmentRef[]>();
  for (const { index, ref } of refs) if (index >= 0) own.set(index, [...(own.get(index) ?? []), ref]);
  return { shared: refs.filter(({ index }) => index < 0).map(({ ref }) => ref), own };
}
