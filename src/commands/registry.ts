import { audit } from '../domain/audit/audit.ts';
import { auditStorage } from '../domain/audit/storage.ts';
import { batch } from '../domain/batch/batch.ts';
import { batchStorage } from '../domain/batch/storage.ts';
import { catalogue } from '../domain/catalogue/catalogue.ts';
import { catalogueStorage } from '../domain/catalogue/storage.ts';
import { engagement } from '../domain/engagement/engagement.ts';
import { engagementStorage } from '../domain/engagement/storage.ts';
import { notification } from '../domain/notification/notification.ts';
import { notificationStorage } from '../domain/notification/storage.ts';
import { recipient } from '../domain/recipient/recipient.ts';
import { recipientStorage } from '../domain/recipient/storage.ts';
import { templateStorage } from '../domain/template/storage.ts';
import { template } from '../domain/template/template.ts';
import { tenantStorage } from '../domain/tenant/storage.ts';
import { tenant } from '../domain/tenant/tenant.ts';

/** Every aggregate: the noun of its streams, what decides, and how its events are stored. */
export const NOTIFICATION = { noun: 'notification', decider: notification, storage: notificationStorage } as const;
export const ENGAGEMENT = { noun: 'engagement', decider: engagement, storage: engagementStorage } as const;
export const BATCH = { noun: 'batch', decider: batch, storage: batchStorage } as const;
export const RECIPIENT = { noun: 'recipient', decider: recipient, storage: recipientStorage } as const;
export const TEMPLATE = { noun: 'template', decider: template, storage: templateStorage } as const;
export const CATALOGUE = { noun: 'catalogue', decider: catalogue, storage: catalogueStorage } as const;
export const TENANT = { noun: 'tenant', decider: tenant, storage: tenantStorage } as const;
export const AUDIT = { noun: 'audit', decider: audit, storage: auditStorage } as const;

/** The id of the one stream that a tenant has of these nouns. */
export const MAIN = 'main';

export const AGGREGATES = [NOTIFICATION, ENGAGEMENT, BATCH, RECIPIENT, TEMPLATE, CATALOGUE, TENANT, AUDIT] as const;
