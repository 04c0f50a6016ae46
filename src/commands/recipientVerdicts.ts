import { present } from '../domain/kernel/present.ts';
import type { SubjectId } from '../domain/values/ids.ts';
import type { NotificationInput } from './notificationInput.ts';
import type { Resolved } from './resolveRecipients.ts';

export type RecipientVerdict =
  | { readonly index: number; readonly recipientId: string; readonly status: 'accepted' }
  | { readonly index: number; readonly recipientId?: string; readonly status: 'rejected'; readonly code: string; readonly detail: string };

/** In the order of the request; an inline person is called by the opaque id that every other call takes. */
export function verdictsOf(input: NotificationInput, { recipients, refused, subjects }: Resolved): readonly RecipientVerdict[] {
  const accepted = new Map(recipients.map((it) => [it.index, it.subject]));
  const refusals = new Map(refused.map((it) => [it.index, it]));
  return input.recipients.flatMap((recipient, index): RecipientVerdict[] => {
    const subject = accepted.get(index) ?? subjects.get(index);
    const recipientId = recipient.recipientId ?? (subject === undefined ? undefined : inlineId(subject));
    const refusal = refusals.get(index);
    if (refusal !== undefined)
      return [{ index, ...present({ recipientId }), status: 'rejected', code: refusal.code, detail: refusal.detail }];
    return recipientId === undefined ? [] : [{ index, recipientId, status: 'accepted' }];
  });
}

const inlineId = (subject: SubjectId): string => `addr_${subject}`;
