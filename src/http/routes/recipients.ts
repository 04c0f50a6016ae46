import type { Indexes, Subjects, Vault } from '../../commands/ports.ts';
import type { recipientCommands } from '../../commands/recipients.ts';
import type { ProfileResult, RecipientRefusal } from '../../commands/recipients.ts';
import { present } from '../../domain/kernel/present.ts';
import { addressesOf, recipientOf, recipientsPage } from '../../projections/recipients/queries.ts';
import { operation, plain } from '../operation.ts';
import type { Operation, Reply } from '../operation.ts';
import { addressHash, isKnown, subjectOf } from '../people.ts';
import type { Reads } from '../ports.ts';
import { isRefusal, refuse } from '../problems.ts';
import type { Refusal } from '../problems.ts';
import { addressViews, recipientViews } from '../recipientView.ts';
import { RecipientChanged, RecipientPage, RecipientPatch, RecipientProfile, RecipientQuery, RecipientShown } from '../schemas/recipient.ts';
import { RecipientParams } from '../schemas/values.ts';

export type RecipientRoutePorts = {
  readonly commands: ReturnType<typeof recipientCommands>;
  readonly people: Pick<Subjects, 'find' | 'labels'>;
  readonly indexes: Indexes;
  readonly vault: Vault;
  readonly reads: Reads;
};

const tag = 'Recipients';
const reads = ['recipients'];
const path = '/v1/recipients/{recipientId}';
export const noRecipient = (): Refusal => refuse('recipient_not_found', 'There is no recipient of this id.');

function answerOfChange(recipientId: string, outcome: ProfileResult | RecipientRefusal): Reply {
  if (isRefusal(outcome)) return outcome;
  const { version, created, position } = outcome;
  return {
    status: created ? 201 : 200,
    body: { recipientId, version },
    revision: version,
    shown: { resource: 'recipients', subject: outcome.subject },
    ...present({ position }),
  };
}
const changed = {
  200: { description: 'Changed.', schema: RecipientChanged },
  201: { description: 'Registered.', schema: RecipientChanged },
} as const;

/** People: their profile and how they can be reached. */
export const recipientRoutes = ({ commands, people, indexes, vault, reads: read }: RecipientRoutePorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'patchRecipient',
    method: 'patch',
    path,
    tag,
    summary: 'Register a person, or change what is given',
    scope: 'manage',
    conditional: true,
    params: RecipientParams,
    body: RecipientPatch,
    responses: changed,
    handler: async ({ caller, params, body, ifMatch }) => {
      const recipientId = params.recipientId.normalize('NFC');
      return answerOfChange(recipientId, await commands.change(caller, { recipientId, patch: body, ...present({ ifVersion: ifMatch }) }));
    },
  }),
  operation({
    ...plain,
    id: 'putRecipient',
    method: 'put',
    path,
    tag,
    summary: 'Register a person, or replace the whole profile',
    scope: 'manage',
    conditional: true,
    params: RecipientParams,
    body: RecipientProfile,
    responses: changed,
    handler: async ({ caller, params, body, ifMatch }) => {
      const recipientId = params.recipientId.normalize('NFC');
      return answerOfChange(recipientId, await commands.change(caller, { recipientId, profile: body, ...present({ ifVersion: ifMatch }) }));
    },
  }),
  operation({
    ...plain,
    id: 'getRecipient',
    method: 'get',
    path,
    tag,
    summary: 'One person',
    description: 'Addresses and names are masked, and attributes and tags left out, unless the key has the scope `pii` too.',
    scope: 'read',
    reads,
    params: RecipientParams,
    responses: { 200: { description: 'The person.', schema: RecipientShown } },
    handler: async ({ access: { tenant, scopes }, params: { recipientId } }) => {
      const subject = await subjectOf(people, tenant, recipientId);
      if (!isKnown(subject)) return noRecipient();
      const [row, addresses] = await read.read(tenant, 'recipients', async (tx, suffix) => [
        await recipientOf(tx, suffix, tenant, subject),
        await addressesOf(tx, suffix, tenant, subject),
      ]);
      if (row === undefined) return noRecipient();
      const unmasked = scopes.has('pii');
      const [[view], own] = await Promise.all([
        recipientViews({ people, vault }, tenant, [row], unmasked),
        addressViews({ vault }, addresses, unmasked),
      ]);
      return { status: 200, body: { ...view, ...own }, revision: row.version, shown: { resource: 'recipients', subject } };
    },
  }),
  operation({
    ...plain,
    id: 'listRecipients',
    method: 'get',
    path: '/v1/recipients',
    tag,
    summary: 'People, newest first',
    scope: 'read',
    reads,
    query: RecipientQuery,
    responses: { 200: { description: 'A page.', schema: RecipientPage } },
    handler: async ({ access: { tenant, scopes }, query: { limit, email, phone, tag: tagged }, place }) => {
      const [emailKey, phoneKey, [tagKey]] = await Promise.all([
        email === undefined ? undefined : addressHash(indexes, tenant, 'email', email),
        phone === undefined ? undefined : addressHash(indexes, tenant, 'sms', phone),
        tagged === undefined ? [] : indexes.hash(tenant, 'tag', [tagged]),
      ]);
      const filter = { tenant, ...present({ email: emailKey, phone: phoneKey, tag: tagKey }) };
      const { rows, next } = await read.read(tenant, 'recipients', (tx, suffix) =>
        recipientsPage(tx, suffix, filter, { limit, ...present({ place }) }),
      );
      const data = await recipientViews({ people, vault }, tenant, rows, scopes.has('pii'));
      return { status: 200, page: { data, next }, shown: { resource: 'recipients' } };
    },
  }),
];
