import type { RecipientRefusal } from '../domain/notification/events.ts';
import type { AuditRecorder } from './audit.ts';
import type { Caller } from './caller.ts';
import type { Clock } from './ports.ts';

/** Takes note of a request of which nobody was accepted: it leaves no notification that could tell. Nobody waits for it. */
export type RecordRefusals = (caller: Caller, request: { readonly type: string; readonly refused: readonly RecipientRefusal[] }) => void;

/** Characters of a detail: some hundreds of them go into one append. */
const MOST_TOLD = 200;

/** Into the audit, as the refused command that it is, with whom it was for where their names could be read. */
export const recordRefusals =
  (audit: Pick<AuditRecorder, 'rejected'>, clock: Clock): RecordRefusals =>
  ({ tenant, actor, requestId, correlationId }, { type, refused }) => {
    const people = refused.flatMap(({ index, subject, code, detail }) =>
      subject === undefined ? [] : [{ index, subject, code, detail: detail.slice(0, MOST_TOLD) }],
    );
    const [only, ...others] = people;
    audit.rejected(tenant, {
      at: clock.now(),
      actor,
      action: 'requestNotification',
      resource: 'notifications',
      requestId: requestId ?? correlationId,
      code: 'no_recipient_accepted',
      ...(only !== undefined && others.length === 0 && { subject: only.subject }),
      ...(people.length > 0 && { refused: { type, people } }),
    });
  };
