import type { World } from '../support/exampleCalls.ts';

/** Ids that exist, by the noun of their path; more come with what is made on the way. */
export type Ids = { readonly of: (noun: string) => readonly string[]; readonly add: (noun: string, id: string) => void };

const KEPT = 40;
export function idsOf(world: World): Ids {
  const { sent, scheduled, toCancel, failed, failedToo, batch, laterBatch } = world;
  const sentTo = [sent, scheduled, toCancel, failed, failedToo];
  const deliveries = sentTo.map((id) => `${id}_0`);
  const nouns = new Map<string, string[]>(
    Object.entries({
      notifications: sentTo,
      deliveries,
      'dead-letters': deliveries,
      batches: [batch, laterBatch],
      recipients: ['ana', 'bo', 'cy'],
      templates: ['every', 'another'],
      categories: ['orders', 'newsletter', 'marketing'],
      types: ['every_type', 'order_shipped'],
      projections: ['templates', 'audit', 'catalogue'],
      cursors: [],
      positions: [],
    }),
  );
  return {
    of: (noun) => nouns.get(noun) ?? [],
    add: (noun, id) => {
      const known = nouns.get(noun) ?? [];
      nouns.set(noun, [...known.slice(-KEPT), id]);
    },
  };
}

const NEWS: Readonly<Record<string, string>> = {
  requestNotification: 'notifications',
  testTemplate: 'notifications',
  uploadBatch: 'batches',
  createApiKey: 'api-keys',
  uploadAttachment: 'attachments',
};

/** Learns what an answer names, for later requests. */
export function learn(ids: Ids, id: string, body: unknown, position: string | null): void {
  const { id: made, nextCursor } = (typeof body === 'object' && body !== null ? body : {}) as { id?: unknown; nextCursor?: unknown };
  const noun = NEWS[id];
  if (noun !== undefined && typeof made === 'string') ids.add(noun, made);
  if (noun === 'notifications' && typeof made === 'string') for (const n of ['deliveries', 'dead-letters']) ids.add(n, `${made}_0`);
  if (typeof nextCursor === 'string') ids.add('cursors', nextCursor);
  if (position !== null) ids.add('positions', position);
}
