import type { Subjects, Vault } from '../commands/ports.ts';
import { isSealed } from '../domain/kernel/personal.ts';
import type { Personal, Sealed } from '../domain/kernel/personal.ts';
import { present } from '../domain/kernel/present.ts';
import type { InlinePerson, RequestedRecipient } from '../domain/notification/events.ts';
import type { Message, OwnPart, Terms } from '../domain/values/message.ts';
import type { RequestedNotification } from '../domain/notification/evolve.ts';
import type { TenantId } from '../domain/values/ids.ts';
import { durationOf } from '../domain/values/duration.ts';
import type { NotificationRow } from '../projections/notifications/queries.ts';
import { maskedEmail, maskedPhone, maskedText, maskedToken, maskedUnless } from './masking.ts';
import { labelsOf, type LabelOf } from './people.ts';

export const summaryView = (row: NotificationRow): object => ({
  id: row.id,
  status: row.status,
  createdAt: row.requestedAt,
  type: row.type,
  category: row.category,
  class: row.class,
  priority: row.priority,
  mode: row.mode,
  channels: row.channels,
  counts: row.counts,
  recipientCount: row.recipients,
  rejectedCount: row.refused,
  planAt: row.planAt,
  expiresAt: row.expiresAt,
  batchId: row.batch,
  source: row.source,
  correlationId: row.correlation,
});

export function routingView(routing: Terms['routing']): object {
  if (routing.method === 'all' || routing.until === 'accepted') return routing;
  return { method: routing.method, until: routing.until, wait: durationOf(routing.waitMs) };
}

/** Opens many sealed values in one call; what was erased is absent. */
async function openAll(vault: Vault, values: readonly (Personal<unknown> | undefined)[]): Promise<readonly unknown[]> {
  const sealed = values.filter((it): it is Sealed => it !== undefined && isSealed(it));
  const opened = await vault.open<unknown>(sealed);
  const byHandle = new Map(sealed.map((it, place) => [it, opened[place]]));
  return values.map((it) => {
    const value = it !== undefined && isSealed(it) ? byHandle.get(it) : undefined;
    return value === undefined || value === 'erased' ? undefined : value.value;
  });
}

type Opened = { readonly message?: Message; readonly people: readonly { readonly person?: InlinePerson; readonly own?: OwnPart }[] };
type OpenNotification = (requested: RequestedNotification['requested']) => Promise<Opened>;

const isMessage = (it: unknown): it is Message => typeof it === 'object' && it !== null && 'variables' in it && 'attachments' in it;
const isObject = (it: unknown): it is object => typeof it === 'object' && it !== null;
const isPerson = (it: unknown): it is InlinePerson => isObject(it);
const isOwnPart = (it: unknown): it is OwnPart => isObject(it);

/** What a request holds of people, opened in one call. */
const openNotification =
  (vault: Vault): OpenNotification =>
  async ({ message, recipients }) => {
    const [opened, ...parts] = await openAll(vault, [message, ...recipients.flatMap(({ person, own }) => [person, own])]);
    const people = recipients.map((_, place) => {
      const [person, own] = [parts[2 * place], parts[2 * place + 1]];
      return { ...(isPerson(person) && { person }), ...(isOwnPart(own) && { own }) };
    });
    return { ...(isMessage(opened) && { message: opened }), people };
  };

function recipientView(
  { index, subject }: RequestedRecipient,
  { person, own }: Opened['people'][number],
  labelOf: LabelOf,
  unmasked: boolean,
): object {
  const { email, phone, pushToken, webhookUrl, walletId, name, locale, timeZone } = person ?? {};
  return present({
    index,
    recipientId: labelOf(subject),
    email: maskedUnless(unmasked, email, maskedEmail),
    phone: maskedUnless(unmasked, phone, maskedPhone),
    // A credential: masked for everybody.
    pushToken: pushToken === undefined ? undefined : maskedToken(pushToken),
    webhookUrl: maskedUnless(unmasked, webhookUrl, maskedToken),
    walletId: maskedUnless(unmasked, walletId, maskedToken),
    name: maskedUnless(unmasked, name, maskedText),
    locale,
    timeZone,
    variables: unmasked ? own?.variables : undefined,
    attachments: unmasked ? own?.attachments : undefined,
  });
}

const contentOf = (message: Message): object => ({
  ...present({ content: message.content }),
  variables: message.variables,
  metadata: message.metadata,
  attachments: message.attachments,
});

export type ViewPorts = { readonly people: Pick<Subjects, 'labels'>; readonly vault: Vault };

/** Everything that was asked for. `unmasked`: the caller has the scope `pii`. */
export async function notificationView(
  { people, vault }: ViewPorts,
  tenant: TenantId,
  { row, state }: { readonly row: NotificationRow; readonly state: RequestedNotification },
  unmasked: boolean,
): Promise<object> {
  const { terms, recipients, refused } = state.requested;
  const [labelOf, opened] = await Promise.all([
    labelsOf(
      people,
      tenant,
      recipients.map(({ subject }) => subject),
    ),
    openNotification(vault)(state.requested),
  ]);
  return {
    ...summaryView(row),
    routing: routingView(terms.routing),
    template: terms.template ?? null,
    schedule: state.schedule ?? null,
    expiresAfter: terms.expiresAfterMs === undefined ? null : durationOf(terms.expiresAfterMs),
    dedupWindow: terms.dedup === undefined ? null : durationOf(terms.dedup.windowMs),
    recipients: recipients.map((it, place) => recipientView(it, opened.people[place] ?? {}, labelOf, unmasked)),
    rejected: refused.map(({ index, code, detail }) => ({ index, code, detail })),
    ...(unmasked && opened.message !== undefined && contentOf(opened.message)),
  };
}
