import type { Transaction } from '../../src/consumers/ports.ts';
import type { BatchId, KeyedHash, NotificationId, SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import * as audit from '../../src/projections/audit/queries.ts';
import * as batches from '../../src/projections/batches/queries.ts';
import * as catalogue from '../../src/projections/catalogue/queries.ts';
import * as notifications from '../../src/projections/notifications/queries.ts';
import * as recipients from '../../src/projections/recipients/queries.ts';
import * as templates from '../../src/projections/templates/queries.ts';
import * as tenants from '../../src/projections/tenants/queries.ts';

/** Things of a tenant that queries ask for by name. */
export type Owned = {
  readonly tenant: TenantId;
  readonly subject: SubjectId;
  readonly refused: SubjectId;
  readonly notification: NotificationId;
  readonly keyHash: KeyedHash;
  readonly batch: BatchId;
};
type Asked = (tx: Transaction, it: Owned) => Promise<unknown>;
const V1 = '_v1';
const PAGE = { limit: 10 };

/** Every query of every read model that runs as a tenant, asking for what is `it`'s; keyed by `<read model>.<function>`. */
export const QUERIES: Readonly<Record<string, Asked>> = {
  'audit.auditPage': (tx, { tenant }) => audit.auditPage(tx, V1, { tenant }, PAGE),
  'batches.batchStatesOf': (tx, { tenant, batch }) => batches.batchStatesOf(tx, V1, tenant, [batch]),
  'batches.batchOf': (tx, { tenant, batch }) => batches.batchOf(tx, V1, tenant, batch),
  'batches.batchesPage': (tx, { tenant }) => batches.batchesPage(tx, V1, tenant, PAGE),
  'batches.rejectionsPage': (tx, { tenant, batch }) => batches.rejectionsPage(tx, V1, { tenant, batch }, PAGE),
  'catalogue.catalogueOf': async (tx, { tenant }) => (await catalogue.catalogueOf(tx, V1, tenant)).types,
  'catalogue.categoryOf': (tx, { tenant }) => catalogue.categoryOf(tx, V1, tenant, 'orders'),
  'catalogue.typeOf': (tx, { tenant }) => catalogue.typeOf(tx, V1, tenant, 'every_type'),
  'notifications.notificationsPage': (tx, { tenant }) => notifications.notificationsPage(tx, V1, { tenant, filter: {} }, PAGE),
  'notifications.notificationOf': (tx, { tenant, notification }) => notifications.notificationOf(tx, V1, tenant, notification),
  'notifications.deliveriesPage': (tx, { tenant }) => notifications.deliveriesPage(tx, V1, { tenant, filter: {} }, PAGE),
  'notifications.deliveryOf': (tx, { tenant, notification }) => notifications.deliveryOf(tx, V1, tenant, { notification, n: 0 }),
  'notifications.requestedUnder': (tx, { tenant, keyHash }) => notifications.requestedUnder(tx, V1, { tenant, key: keyHash }),
  'notifications.refusalsOf': (tx, { tenant, refused }) =>
    notifications.refusalsOf(tx, V1, { tenant, subjects: [refused], filter: {} }, 10),
  'notifications.countsOfBatches': (tx, { tenant, batch }) => notifications.countsOfBatches(tx, V1, tenant, [batch]),
  'recipients.profilesOf': (tx, { tenant, subject }) => recipients.profilesOf(tx, V1, tenant, [subject]),
  'recipients.recipientOf': (tx, { tenant, subject }) => recipients.recipientOf(tx, V1, tenant, subject),
  'recipients.addressesOf': (tx, { tenant, subject }) => recipients.addressesOf(tx, V1, tenant, subject),
  'recipients.recipientsPage': (tx, { tenant }) => recipients.recipientsPage(tx, V1, { tenant }, PAGE),
  'templates.templateOf': (tx, { tenant }) => templates.templateOf(tx, V1, tenant, 'every'),
  'templates.templatesPage': (tx, { tenant }) => templates.templatesPage(tx, V1, tenant, PAGE),
  'templates.versionOf': (tx, { tenant }) => templates.versionOf(tx, V1, { tenant, key: 'every' }),
  'templates.versionsPage': (tx, { tenant }) => templates.versionsPage(tx, V1, { tenant, key: 'every' }, PAGE),
  'tenants.tenantOf': (tx, { tenant }) => tenants.tenantOf(tx, V1, tenant),
  'tenants.apiKeysOf': (tx, { tenant }) => tenants.apiKeysOf(tx, V1, tenant, PAGE),
};
/** Finds out whose a key is, so it runs as the worker. */
export const NOT_OF_A_TENANT = ['tenants.grantOf'];

const modules = { audit, batches, catalogue, notifications, recipients, templates, tenants };
/** What the read models offer. */
export const offered = (): readonly string[] =>
  Object.entries(modules).flatMap(([name, module]) =>
    Object.entries(module).flatMap(([query, it]) => (typeof it === 'function' ? [`${name}.${query}`] : [])),
  );
/** The read models that the above knows. */
export const READ_MODELS = Object.keys(modules);

/** The same statements as somebody would have written them who forgot the tenant. */
export const forgetful = (tx: Transaction): Transaction => ({
  query: ({ text, values }) => {
    const without = text.replace(/\b(?:\w+\.)?tenant = (\$\d+)/g, '$1::text is not null');
    if (without === text) throw new Error(`no tenant in ${text}`);
    // Without a name: a prepared statement of that name would be the one that remembers.
    return tx.query({ text: without, ...(values !== undefined && { values }) });
  },
});

/** Whether an answer holds nothing. */
export function isEmpty(answer: unknown): boolean {
  if (answer === undefined) return true;
  if (answer instanceof Map) return answer.size === 0;
  if (Array.isArray(answer)) return answer.length === 0;
  return typeof answer === 'object' && answer !== null && 'rows' in answer && isEmpty(answer.rows);
}
