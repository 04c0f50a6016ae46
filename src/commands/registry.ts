import { catalogue } from '../domain/catalogue/catalogue.ts';
import { catalogueStorage } from '../domain/catalogue/storage.ts';
import { recipient } from '../domain/recipient/recipient.ts';
import { recipientStorage } from '../domain/recipient/storage.ts';
import { tenantStorage } from '../domain/tenant/storage.ts';
import { tenant } from '../domain/tenant/tenant.ts';

/** Every aggregate: the noun of its streams, what decides, and how its events are stored. */
export const RECIPIENT = { noun: 'recipient', decider: recipient, storage: recipientStorage } as const;
export const CATALOGUE = { noun: 'catalogue', decider: catalogue, storage: catalogueStorage } as const;
export const TENANT = { noun: 'tenant', decider: tenant, storage: tenantStorage } as const;

/** The id of the one stream that a tenant has of these nouns. */
export const MAIN = 'main';
