import { canonicalJson } from '../domain/kernel/canonicalJson.ts';
import { open } from '../domain/kernel/personal.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import { KEY_REUSED } from '../domain/kernel/keyReused.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { NotificationEvent, NotificationRequested } from '../domain/notification/events.ts';
import type { Message } from '../domain/values/message.ts';
import type { Notification } from '../domain/notification/evolve.ts';
import type { NotificationCode } from '../domain/notification/notification.ts';
import { planAtOf } from '../domain/policy/wallTime.ts';
import {
  trusted,
  type KeyedHash,
  type NotificationId,
  type Position,
  type StreamName,
  type SubjectId,
  type TenantId,
} from '../domain/values/ids.ts';
import { streamOf } from '../domain/values/streams.ts';
import type { Instant } from '../domain/values/instant.ts';
import { contextOf, type Caller } from './caller.ts';
import { handleMany, type CommandContext, type Outcome } from './handle.ts';
import { lookUpFiles, storeFiles, withFiles, type Attached, type LookedUp, type Owners } from './attach.ts';
import type { NotificationInput } from './notificationInput.ts';
import type { NotificationPorts } from './notificationPorts.ts';
import { verdictsOf, type RecipientVerdict } from './recipientVerdicts.ts';
import { NOTIFICATION } from './registry.ts';
import { resolveMany, type Given, type Resolved } from './resolveRecipients.ts';
import { settleMessage, variablesRefusal, type SettledMessage } from './settleMessage.ts';

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

/** A request on its way: what is known of it so far. `digest`: of its canonical body. */
type Draft = {
  readonly request: AcceptRequest;
  readonly id: NotificationId;
  readonly digest: KeyedHash;
  readonly settled: SettledMessage | { readonly problems: readonly Rejection[] };
  readonly problems: readonly Rejection[];
};
type Prepared = { readonly data: NotificationRequested['data']; readonly context: CommandContext; readonly resolved: Resolved };
/** What a request under the same key said first. */
type First = { readonly requested: NotificationRequested['data']; readonly position: Position };

/** Requests → durable notifications; one outcome per request, in order; for all of them one look for people and files, and one append. */
export function acceptNotifications(ports: NotificationPorts) {
  const requestMany = handleMany(ports.log, NOTIFICATION);

  async function accept(requests: readonly AcceptRequest[]): Promise<readonly Acceptance[]> {
    const tenants = [...new Set(requests.map(({ caller }) => caller.tenant))];
    const answers = new Map<AcceptRequest, Acceptance>();
    await Promise.all(
      tenants.map(async (tenant) => {
        const own = requests.filter(({ caller }) => caller.tenant === tenant);
        for (const [request, answer] of await acceptOf(tenant, own)) answers.set(request, answer);
      }),
    );
    return requests.map((request) => answers.get(request) ?? noOutcome());
  }

  async function acceptOf(tenant: TenantId, requests: readonly AcceptRequest[]): Promise<ReadonlyMap<AcceptRequest, Acceptance>> {
    const looked = await lookUpFiles(
      ports.files,
      tenant,
      requests.map(({ input }) => input),
    );
    const drafts = await draftsOf(ports, tenant, requests, looked);
    const firsts = await firstsOf(ports, tenant, drafts.filter(mayBeKnown));
    const good = drafts.filter(({ id, problems }) => problems.length === 0 || firsts.has(id));
    const resolved = await resolveMany(
      ports.subjects,
      tenant,
      good.map((draft) => givenOf(ports, draft)),
    );
    const resolvedOf = new Map(good.map((draft, at) => [draft, resolved[at] ?? NOBODY]));
    // Everyone may have been refused only since it was first said: people can be erased.
    const late = await firstsOf(
      ports,
      tenant,
      good.filter((draft) => resolvedOf.get(draft)?.recipients.length === 0 && isKeyed(draft)),
    );
    const answers = new Map<AcceptRequest, Acceptance>(drafts.map(({ request, problems }) => [request, { problems }]));
    const fresh: Draft[] = [];
    for (const draft of good) {
      const [first, people] = [firsts.get(draft.id) ?? late.get(draft.id), resolvedOf.get(draft) ?? NOBODY];
      if (first !== undefined) answers.set(draft.request, answerAgain(ports, draft, first, people));
      else if (people.recipients.length > 0) fresh.push(draft);
      else answers.set(draft.request, allRefused(ports, draft.request, people));
    }
    for (const [draft, answer] of await request(tenant, fresh, { resolvedOf, found: looked.found })) answers.set(draft.request, answer);
    return answers;
  }

  type Around = { readonly resolvedOf: ReadonlyMap<Draft, Resolved>; readonly found: LookedUp['found'] };

  async function request(
    tenant: TenantId,
    drafts: readonly Draft[],
    { resolvedOf, found }: Around,
  ): Promise<readonly (readonly [Draft, Acceptance])[]> {
    if (drafts.length === 0) return [];
    const people = drafts.map((draft) => resolvedOf.get(draft) ?? NOBODY);
    const carrying = drafts.map(({ request: { input } }, at) => ({ carrying: input, owners: ownersOf(people[at] ?? NOBODY) }));
    const attached = await storeFiles(ports.files, tenant, carrying, found);
    const prepared = await Promise.all(drafts.map((draft, at) => preparedOf(ports, draft, people[at] ?? NOBODY, attached[at] ?? NO_FILES)));
    const outcomes = await requestMany(
      prepared.map(({ data, context }) => ({
        id: data.notificationId,
        input: { type: 'RequestNotification', data },
        context,
        fresh: true,
      })),
    );
    // What was there already is read once more: its first answer names the position of its first event.
    const firsts = await firstsOf(
      ports,
      tenant,
      drafts.filter((_, at) => wasThere(prepared[at], outcomes[at])),
    );
    return drafts.map((draft, at) => {
      const [it, first] = [prepared[at], firsts.get(draft.id)];
      const again = it !== undefined && first !== undefined && wasThere(it, outcomes[at]);
      return [draft, again ? answerAgain(ports, draft, first, it.resolved) : answerOf(ports, draft, it, outcomes[at])] as const;
    });
  }

  return { accept };
}

const NOBODY: Resolved = { recipients: [], refused: [], subjects: new Map() };
const NO_FILES: Attached = { shared: [], own: new Map() };

async function draftsOf(
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

const isKeyed = ({ request }: Draft): boolean => request.caller.idempotencyKey !== undefined;
/**
 * A repeat gets its first answer even where it would be refused by now (it has expired, its type has changed), and stores no file again.
 * What is all right and brings none is told as a repeat by its append.
 */
const mayBeKnown = (draft: Draft): boolean => isKeyed(draft) && (draft.problems.length > 0 || bringsFiles(draft.request.input));
const bringsFiles = ({ attachments = [], recipients }: NotificationInput): boolean =>
  [...attachments, ...recipients.flatMap((it) => it.attachments ?? [])].some((it) => 'content' in it);

async function firstsOf(ports: NotificationPorts, tenant: TenantId, drafts: readonly Draft[]): Promise<ReadonlyMap<NotificationId, First>> {
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

const ownersOf = ({ recipients }: Resolved): Owners => {
  const sole = soleOf(recipients);
  return { subjects: new Map(recipients.map((it) => [it.index, it.subject])), ...(sole !== undefined && { sole }) };
};
/** One person's message is sealed as theirs. */
function soleOf([only, second]: Resolved['recipients']): SubjectId | undefined {
  return second === undefined ? only?.subject : undefined;
}

async function preparedOf(ports: NotificationPorts, draft: Draft, resolved: Resolved, attached: Attached): Promise<Prepared> {
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

const ALL_REFUSED = reject('no_recipient_accepted', 'every recipient was rejected; the verdicts say why');

function allRefused(ports: NotificationPorts, { caller, input }: AcceptRequest, people: Resolved): NotAccepted {
  ports.recordRefusals(caller, { type: input.type, refused: people.refused });
  return { problems: [ALL_REFUSED], recipients: verdictsOf(input, people) };
}

function givenOf(ports: NotificationPorts, { request: { input }, settled }: Draft): readonly Given[] {
  return input.recipients.map((recipient, index) => {
    const own = recipient.variables === undefined ? undefined : { variables: recipient.variables };
    const refusal = 'problems' in settled ? undefined : variablesRefusal(ports, settled, { ...input.variables, ...recipient.variables });
    return { index, input: recipient, ...present({ own, refusal }) };
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

/** Nothing was appended, since a request under the same key came first. */
const wasThere = (prepared: Prepared | undefined, outcome: Requested | undefined): boolean =>
  outcome !== undefined &&
  !(outcome instanceof PortError) &&
  !isRejection(outcome) &&
  outcome.state.status === 'requested' &&
  outcome.state.requested !== prepared?.data;

function answerOf(ports: NotificationPorts, draft: Draft, prepared: Prepared | undefined, outcome: Requested | undefined): Acceptance {
  if (outcome === undefined || prepared === undefined) return noOutcome();
  if (outcome instanceof PortError) return outcome;
  if (isRejection<NotificationCode>(outcome)) return { problems: [outcome] };
  const { state, position } = outcome;
  if (state.status === 'absent' || position === undefined) return noOutcome();
  const { resolved, data } = prepared;
  ports.watch('accepted', resolved.recipients.length);
  if (resolved.refused.length > 0) ports.watch('rejected', resolved.refused.length);
  return { id: draft.id, createdAt: data.requestedAt, position, recipients: verdictsOf(draft.request.input, resolved), replayed: false };
}

/** The first answer, if it is the same that is asked. */
function answerAgain(ports: NotificationPorts, { request, digest }: Draft, { requested, position }: First, now: Resolved): Acceptance {
  if (requested.request !== digest) return { problems: [KEY_REUSED] };
  ports.watch('replayed', requested.recipients.length);
  const recipients = verdictsOf(request.input, { ...requested, subjects: now.subjects });
  return { id: requested.notificationId, createdAt: requested.requestedAt, position, recipients, replayed: true };
}
