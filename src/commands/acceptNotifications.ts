import { canonicalJson } from '../domain/kernel/canonicalJson.ts';
import { open } from '../domain/kernel/personal.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { NotificationEvent, NotificationRequested } from '../domain/notification/events.ts';
import type { Message } from '../domain/values/message.ts';
import type { Notification } from '../domain/notification/evolve.ts';
import type { NotificationCode } from '../domain/notification/notification.ts';
import { planAtOf } from '../domain/policy/wallTime.ts';
import { trusted, type NotificationId, type Position, type SubjectId } from '../domain/values/ids.ts';
import type { Instant } from '../domain/values/instant.ts';
import { contextOf, type Caller } from './caller.ts';
import { handleMany, type CommandContext, type Outcome } from './handle.ts';
import { attachmentsOf, type Attached } from './attach.ts';
import type { NotificationInput } from './notificationInput.ts';
import type { NotificationPorts } from './notificationPorts.ts';
import { NOTIFICATION } from './registry.ts';
import { resolveRecipients, type Given, type Resolved } from './resolveRecipients.ts';
import { settleMessage, variablesRefusal, type SettledMessage } from './settleMessage.ts';

export type RecipientVerdict =
  | { readonly index: number; readonly recipientId: string; readonly status: 'accepted' }
  | { readonly index: number; readonly recipientId?: string; readonly status: 'rejected'; readonly code: string; readonly detail: string };
export type Accepted = {
  readonly id: NotificationId;
  readonly createdAt: Instant;
  readonly position: Position;
  readonly recipients: readonly RecipientVerdict[];
  /** A repeat under the same idempotency key: this is the first answer. */
  readonly replayed: boolean;
};
/** `problems`: all that is wrong with the request; `recipients`: set when everyone was refused. */
export type NotAccepted = { readonly problems: readonly Rejection[]; readonly recipients?: readonly RecipientVerdict[] };
export type Acceptance = Accepted | NotAccepted | PortError;
export type AcceptRequest = { readonly input: NotificationInput; readonly caller: Caller; readonly mode: 'live' | 'test' };

export const isAccepted = (it: Acceptance): it is Accepted => 'position' in it;

type Prepared = { readonly data: NotificationRequested['data']; readonly context: CommandContext; readonly resolved: Resolved };

/** Requests → durable notifications; one outcome per request, in order, and one append for all. */
export function acceptNotifications(ports: NotificationPorts) {
  const requestMany = handleMany(ports.log, NOTIFICATION);

  async function accept(requests: readonly AcceptRequest[]): Promise<readonly Acceptance[]> {
    const prepared = await Promise.all(requests.map((request) => prepare(ports, request)));
    const items = prepared.flatMap((it, place) => ('data' in it ? [{ place, ...it }] : []));
    const outcomes = await requestMany(
      items.map(({ data, context }) => ({
        id: data.notificationId,
        input: { type: 'RequestNotification', data } as const,
        context,
        fresh: true as const,
      })),
    );
    const answers: Acceptance[] = prepared.map((it) => ('data' in it ? noOutcome() : it));
    for (const [at, item] of items.entries()) {
      const request = requests[item.place];
      if (request !== undefined) answers[item.place] = answerOf(ports, request, item, outcomes[at]);
    }
    return answers;
  }
  return { accept };
}

async function prepare(ports: NotificationPorts, { input, caller, mode }: AcceptRequest): Promise<Prepared | NotAccepted> {
  const { idempotencyKey, ...unkeyed } = caller;
  const { tenant } = caller;
  const settled = await settleMessage(ports, tenant, input);
  if ('problems' in settled) return settled;
  // A new command even of a repeat: the stream's id tells the repeat, and only reading it whether it says the same as the first.
  const context = await contextOf(ports, unkeyed, 'notifications');
  const id = idempotencyKey === undefined ? ports.ids.uuid() : await ports.indexes.uuid(tenant, 'notification', idempotencyKey);
  const attached = await attachmentsOf(ports.files, tenant, input);
  if ('problems' in attached) return attached;
  const resolved = await resolveRecipients(ports.subjects, tenant, givenOf(ports, settled, input, attached));
  if (resolved.recipients.length === 0) return { problems: [ALL_REFUSED], recipients: verdictsOf(input, resolved) };
  const [request] = await ports.indexes.hash(tenant, 'request', [canonicalJson(digestible(input, mode))]);
  const data = requestedData({
    id: trusted(id),
    mode,
    settled,
    resolved,
    request: request ?? trusted(''),
    message: messageOf(input, attached),
    now: context.envelope.occurredAt,
  });
  return { data, context, resolved };
}

const ALL_REFUSED = reject('no_recipient_accepted', 'every recipient was rejected; the verdicts say why');

type Parts = {
  readonly id: NotificationId;
  readonly mode: 'live' | 'test';
  readonly settled: SettledMessage;
  readonly resolved: Resolved;
  readonly request: NotificationRequested['data']['request'];
  readonly message: Message;
  readonly now: Instant;
};

function requestedData({ id, mode, settled, resolved, request, message, now }: Parts): NotificationRequested['data'] {
  const [only, second] = resolved.recipients;
  return {
    notificationId: id,
    requestedAt: now,
    terms: { ...settled.terms, mode },
    recipients: resolved.recipients,
    refused: resolved.refused,
    ...(only !== undefined && second === undefined && { soleSubject: only.subject }),
    message: open(message),
    request,
    planAt: planAtOf(settled.terms.schedule, now),
  };
}

function givenOf(ports: NotificationPorts, settled: SettledMessage, input: NotificationInput, attached: Attached): readonly Given[] {
  return input.recipients.map((recipient, index) => {
    const attachments = attached.own.get(index);
    const own =
      recipient.variables === undefined && attachments === undefined ? undefined : present({ variables: recipient.variables, attachments });
    const refusal = variablesRefusal(ports, settled, { ...input.variables, ...recipient.variables });
    return { index, input: recipient, ...(own !== undefined && { own }), ...(refusal !== undefined && { refusal }) };
  });
}

const messageOf = (input: NotificationInput, attached: Attached): Message => ({
  ...present({ content: input.content }),
  variables: input.variables ?? {},
  attachments: attached.shared,
  metadata: input.context?.metadata ?? {},
});

/** The body as it is compared with a repeat: the files by their bytes in base64, everything else as it came. */
function digestible(input: NotificationInput, mode: string): object {
  const base64 = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value);
  const body: unknown = JSON.parse(JSON.stringify(input, base64));
  return { mode, body };
}

type Requested = Outcome<Notification, NotificationEvent, NotificationCode>;
const noOutcome = (): PortError =>
  new PortError('unavailable', 'no_outcome', 'the log gave no outcome; repeat the request with the same Idempotency-Key');

function answerOf(ports: NotificationPorts, { input }: AcceptRequest, prepared: Prepared, outcome: Requested | undefined): Acceptance {
  if (outcome === undefined) return noOutcome();
  if (outcome instanceof PortError) return outcome;
  if (isRejection<NotificationCode>(outcome)) return { problems: [outcome] };
  const { state, position } = outcome;
  if (state.status === 'absent' || position === undefined) return noOutcome();
  return state.requested.request === prepared.data.request
    ? acceptedAs(ports, input, { prepared, requested: state.requested, position })
    : { problems: [REUSED] };
}

const REUSED = reject('idempotency_key_reused', 'this Idempotency-Key came before with another body; use a new key for a new request');

type AsRequested = { readonly prepared: Prepared; readonly requested: NotificationRequested['data']; readonly position: Position };

function acceptedAs(ports: NotificationPorts, input: NotificationInput, { prepared, requested, position }: AsRequested): Accepted {
  const { data, resolved } = prepared;
  const replayed = requested !== data;
  const first = replayed ? { ...requested, subjects: resolved.subjects } : resolved;
  ports.watch(replayed ? 'replayed' : 'accepted', first.recipients.length);
  if (!replayed && first.refused.length > 0) ports.watch('rejected', first.refused.length);
  return { id: requested.notificationId, createdAt: requested.requestedAt, position, recipients: verdictsOf(input, first), replayed };
}

/** In the order of the request; an inline person is called by the opaque id that every other call takes. */
function verdictsOf(input: NotificationInput, { recipients, refused, subjects }: Resolved): readonly RecipientVerdict[] {
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
