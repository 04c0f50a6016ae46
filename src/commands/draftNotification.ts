import { canonicalJson } from '../domain/kernel/canonicalJson.ts';
import { open } from '../domain/kernel/personal.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import type { Rejection } from '../domain/kernel/rejection.ts';
import type { NotificationEvent, NotificationRequested } from '../domain/notification/events.ts';
import type { Notification } from '../domain/notification/evolve.ts';
import type { NotificationCode } from '../domain/notification/notification.ts';
import { planAtOf } from '../domain/policy/wallTime.ts';
import { trusted, type KeyedHash, type NotificationId, type SubjectId, type TenantId } from '../domain/values/ids.ts';
import type { Message } from '../domain/values/message.ts';
import type { AcceptRequest } from './acceptance.ts';
import { withFiles, type Attached, type LookedUp, type Owners } from './attach.ts';
import { contextOf, type Caller } from './caller.ts';
import type { CommandContext, Outcome } from './handle.ts';
import type { NotificationInput } from './notificationInput.ts';
import type { NotificationPorts } from './notificationPorts.ts';
import type { Given, Resolved } from './resolveRecipients.ts';
import { settleMessage, variablesRefusal, type SettledMessage } from './settleMessage.ts';

/** A request on its way: what is known of it so far. `digest`: of its canonical body. */
export type Draft = {
  readonly request: AcceptRequest;
  readonly id: NotificationId;
  readonly digest: KeyedHash;
  readonly settled: SettledMessage | { readonly problems: readonly Rejection[] };
  readonly problems: readonly Rejection[];
};
export type Prepared = { readonly data: NotificationRequested['data']; readonly context: CommandContext; readonly resolved: Resolved };

/** What came of it in the log. */
export type Requested = Outcome<Notification, NotificationEvent, NotificationCode>;
export const noOutcome = (): PortError =>
  new PortError('unavailable', 'no_outcome', 'the log gave no outcome; repeat the request with the same Idempotency-Key');

/** What is known of requests before anybody is named: the message as it would go, the id, and whether it is the same as another. */
export async function draftsOf(
  ports: NotificationPorts,
  tenant: TenantId,
  requests: readonly AcceptRequest[],
  { problems }: LookedUp,
): Promise<readonly Draft[]> {
  const [settled, ids, digests] = await Promise.all([
    Promise.all(requests.map(({ input }) => settleMessage(ports, tenant, input))),
    Promise.all(requests.map(({ caller }) => idFor(ports, caller))),
    ports.indexes.hash(
      tenant,
      'request',
      requests.map(({ input, mode }) => canonicalJson(digestible(input, mode))),
    ),
  ]);
  return requests.map((request, at): Draft => {
    const [message, digest] = [settled[at] ?? { problems: [] }, digests[at]];
    if (digest === undefined) throw noOutcome();
    const wrong = [...('problems' in message ? message.problems : []), ...(problems[at] ?? [])];
    return { request, id: trusted(ids[at] ?? ''), digest, settled: message, problems: wrong };
  });
}

/** From the caller's key, so that a repeat finds the stream there; else new. */
const idFor = async ({ ids, indexes }: NotificationPorts, { tenant, idempotencyKey }: Caller): Promise<string> =>
  idempotencyKey === undefined ? ids.uuid() : indexes.uuid(tenant, 'notification', idempotencyKey);

export const isKeyed = ({ request }: Draft): boolean => request.caller.idempotencyKey !== undefined;

/** Whom it names, each with what is said to them alone. */
export function givenOf(ports: NotificationPorts, { request: { input }, settled }: Draft): readonly Given[] {
  return input.recipients.map((recipient, index) => {
    const own = recipient.variables === undefined ? undefined : { variables: recipient.variables };
    const refusal = 'problems' in settled ? undefined : variablesRefusal(ports, settled, { ...input.variables, ...recipient.variables });
    return { index, input: recipient, ...present({ own, refusal }) };
  });
}

export const ownersOf = ({ recipients }: Resolved): Owners => {
  const sole = soleOf(recipients);
  return { subjects: new Map(recipients.map((it) => [it.index, it.subject])), ...(sole !== undefined && { sole }) };
};
/** One person's message is sealed as theirs. */
function soleOf([only, second]: Resolved['recipients']): SubjectId | undefined {
  return second === undefined ? only?.subject : undefined;
}

/** The command, once people are named and files are stored. */
export async function preparedOf(ports: NotificationPorts, draft: Draft, resolved: Resolved, attached: Attached): Promise<Prepared> {
  const { request, id, digest, settled } = draft;
  if ('problems' in settled) throw new TypeError('a request that cannot be settled is to be requested');
  const { idempotencyKey: _, ...unkeyed } = request.caller;
  const { input, mode } = request;
  // A new command even of a repeat: the stream's id tells the repeat, and only reading it whether it says the same as the first.
  const correlated = { ...unkeyed, correlationId: input.context?.correlationId ?? unkeyed.correlationId };
  const context = await contextOf(ports, correlated, 'notifications');
  const now = context.envelope.occurredAt;
  const data: NotificationRequested['data'] = {
    notificationId: id,
    requestedAt: now,
    terms: { ...settled.terms, mode },
    recipients: resolved.recipients.map((it) => withFiles(it, attached.own.get(it.index))),
    refused: resolved.refused,
    ...present({ soleSubject: soleOf(resolved.recipients) }),
    message: open(messageOf(input, attached)),
    request: digest,
    planAt: planAtOf(settled.terms.schedule, now),
  };
  return { data, context, resolved };
}

const messageOf = (input: NotificationInput, attached: Attached): Message => ({
  ...present({ content: input.content }),
  variables: input.variables ?? {},
  attachments: attached.shared,
  metadata: input.context?.metadata ?? {},
});

/** The body as it is compared with a repeat: the files by their bytes in base64, everything else as it came. */
function digestible(input: NotificationInput, mode: string): object {
  if (!carriesFiles(input)) return { mode, body: input };
  const base64 = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value);
  const body: unknown = JSON.parse(JSON.stringify(input, base64));
  return { mode, body };
}
const carriesFiles = ({ attachments, recipients }: NotificationInput): boolean =>
  attachments !== undefined || recipients.some((it) => it.attachments !== undefined);
