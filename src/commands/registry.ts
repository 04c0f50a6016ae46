import { recipient } from '../domain/recipient/recipient.ts';
import { recipientStorage } from '../domain/recipient/storage.ts';

/** Every aggregate: the noun of its streams, what decides, and how its events are stored. */
export const RECIPIENT = { noun: 'recipient', decider: recipient, storage: recipientStorage } as const;
