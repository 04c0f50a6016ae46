import { PortError } from '../domain/kernel/portError.ts';
import { isRejection, reject } from '../domain/kernel/rejection.ts';
import type { NotificationCode } from '../domain/notification/notification.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { Acceptance, AcceptRequest, NotAccepted } from './acceptance.ts';
import { answerAgain, firstsOf, mayBeKnown, wasThere } from './answerAgain.ts';
import { lookUpFiles, storeFiles, type Attached, type LookedUp } from './attach.ts';
import {
  draftsOf,
  givenOf,
  isKeyed,
  noOutcome,
  ownersOf,
  preparedOf,
  type Draft,
  type Prepared,
  type Requested,
} from './draftNotification.ts';
import { handleMany } from './handle.ts';
import type { NotificationPorts } from './notificationPorts.ts';
import { verdictsOf } from './recipientVerdicts.ts';
import { NOTIFICATION } from './registry.ts';
import { resolveMany, type Resolved } from './resolveRecipients.ts';

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

const ALL_REFUSED = reject('no_recipient_accepted', 'every recipient was rejected; the verdicts say why');

function allRefused(ports: NotificationPorts, { caller, input }: AcceptRequest, people: Resolved): NotAccepted {
  ports.recordRefusals(caller, { type: input.type, refused: people.refused });
  return { problems: [ALL_REFUSED], recipients: verdictsOf(input, people) };
}

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
