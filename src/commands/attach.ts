import { open, type Personal } from '../domain/kernel/personal.ts';
import { reject, type Rejection } from '../domain/kernel/rejection.ts';
import { present } from '../domain/kernel/present.ts';
import type { RequestedRecipient } from '../domain/notification/events.ts';
import type { AttachmentRef, OwnPart } from '../domain/values/message.ts';
import type { SubjectId, TenantId } from '../domain/values/ids.ts';
import type { AttachmentInput, MessageInput, RecipientInput } from './notificationInput.ts';
import type { Files } from './notificationPorts.ts';

/** Files of a request, stored: those of all, and those of single recipients by their place. */
export type Attached = { readonly shared: readonly AttachmentRef[]; readonly own: ReadonlyMap<number, readonly AttachmentRef[]> };
/** What carries files: a request, or a line of a batch as a request of one recipient. */
export type Carrying = Pick<MessageInput, 'attachments'> & { readonly recipients: readonly Pick<RecipientInput, 'attachments'>[] };
/** Whose they are: the accepted recipients by their place, and the one whose message it is alone. Files of nobody else are stored. */
export type Owners = { readonly subjects: ReadonlyMap<number, SubjectId>; readonly sole?: SubjectId };
/** `problems`: by request. */
export type LookedUp = { readonly found: ReadonlyMap<string, AttachmentRef>; readonly problems: readonly (readonly Rejection[])[] };

/** Of all files that one message carries, as mail servers take them; in base64 they are a third longer. */
export const MAX_FILES_BYTES = 25_000_000;

type Placed = { readonly it: AttachmentInput; readonly index: number; readonly path: string };
const SHARED = -1;

const filesOf = ({ attachments = [], recipients }: Carrying): readonly Placed[] => [
  ...attachments.map((it, at) => ({ it, index: SHARED, path: `/attachments/${String(at)}` })),
  ...recipients.flatMap((recipient, index) =>
    (recipient.attachments ?? []).map((it, at) => ({ it, index, path: `/recipients/${String(index)}/attachments/${String(at)}` })),
  ),
];

/** Finds what was uploaded before; one call for all requests. */
export async function lookUpFiles(files: Files, tenant: TenantId, requests: readonly Carrying[]): Promise<LookedUp> {
  const placed = requests.map(filesOf);
  const ids = placed.flat().flatMap(({ it }) => ('id' in it ? [it.id] : []));
  const found = ids.length > 0 ? await files.find(tenant, [...new Set(ids)]) : new Map<string, AttachmentRef>();
  const missing = ({ it }: Placed): boolean => 'id' in it && !found.has(it.id);
  const problems = placed.map((some) =>
    some
      .filter(missing)
      .map(({ path }) => reject('attachment_not_found', 'upload it first (POST /v1/attachments); unused uploads expire', `${path}/id`)),
  );
  const tooLarge = placed.map((some) => tooMuch(some, found));
  return { found, problems: problems.map((some, at) => [...some, ...(tooLarge[at] ?? [])]) };
}

/** Each person's message carries what all get and their own. */
function tooMuch(placed: readonly Placed[], found: LookedUp['found']): readonly Rejection[] {
  const sizes = new Map<number, number>();
  for (const { it, index } of placed) {
    const size = 'id' in it ? (found.get(it.id)?.size ?? 0) : it.content.byteLength;
    sizes.set(index, (sizes.get(index) ?? 0) + size);
  }
  const shared = sizes.get(SHARED) ?? 0;
  return [...sizes]
    .filter(([index, size]) => (index === SHARED ? size : size + shared) > MAX_FILES_BYTES)
    .map(([index]) => {
      const path = index === SHARED ? '/attachments' : `/recipients/${String(index)}/attachments`;
      return reject('attachments_too_large', 'the files of one message have at most 25 MB together', path);
    });
}

/** Stores what came with the requests, each file under the key of the person it is for; one call for all of them. */
export async function storeFiles(
  files: Files,
  tenant: TenantId,
  requests: readonly { readonly carrying: Carrying; readonly owners: Owners }[],
  found: LookedUp['found'],
): Promise<readonly Attached[]> {
  const wanted = requests.map(({ carrying, owners }) =>
    filesOf(carrying)
      .filter(({ index }) => index === SHARED || owners.subjects.has(index))
      .map((file) => ({ ...file, subject: file.index === SHARED ? owners.sole : owners.subjects.get(file.index) })),
  );
  const fresh = wanted.flat().flatMap(({ it, subject }) => ('id' in it ? [] : [{ it, file: { ...it, ...present({ subject }) } }]));
  const stored =
    fresh.length > 0
      ? await files.put(
          tenant,
          fresh.map(({ file }) => file),
        )
      : [];
  const refs = new Map<AttachmentInput, AttachmentRef>(fresh.flatMap(({ it }, at) => (stored[at] === undefined ? [] : [[it, stored[at]]])));
  return wanted.map((some) => {
    const own = new Map<number, AttachmentRef[]>();
    for (const { it, index } of some) {
      const ref = 'id' in it ? found.get(it.id) : refs.get(it);
      if (ref !== undefined) own.set(index, [...(own.get(index) ?? []), named(ref, it)]);
    }
    const shared = own.get(SHARED) ?? [];
    own.delete(SHARED);
    return { shared, own };
  });
}

const named = (ref: AttachmentRef, { filename, disposition, contentId }: AttachmentInput): AttachmentRef => ({
  ...ref,
  ...present({ filename, disposition, contentId }),
});

/** The files of a message that is nobody's alone. */
export async function attachmentsOf(
  files: Files,
  tenant: TenantId,
  carrying: Carrying,
): Promise<Attached | { readonly problems: readonly Rejection[] }> {
  const { found, problems } = await lookUpFiles(files, tenant, [carrying]);
  if (problems.flat().length > 0) return { problems: problems.flat() };
  const [attached = { shared: [], own: new Map() }] = await storeFiles(
    files,
    tenant,
    [{ carrying, owners: { subjects: new Map() } }],
    found,
  );
  return attached;
}

/** A recipient with the files that are theirs alone. */
export function withFiles(recipient: RequestedRecipient, attachments: readonly AttachmentRef[] | undefined): RequestedRecipient {
  return attachments === undefined ? recipient : { ...recipient, own: open({ ...opened(recipient.own), attachments }) };
}
const opened = (own: Personal<OwnPart> | undefined): OwnPart => (own !== undefined && 'open' in own ? own.open : {});
