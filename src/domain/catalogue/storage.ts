import { count, firstVersion, flag, instant, json, list, oneOf, optional, record, shape, text } from '../kernel/schema.ts';
import type { StorageOf } from '../kernel/storage.ts';
import { CHANNELS, MESSAGE_CLASSES, PRIORITIES } from '../values/channel.ts';
import { routingSchema } from '../values/routing.ts';
import { FREQUENCIES, type CatalogueEvent } from './events.ts';

const category = shape({
  class: oneOf(MESSAGE_CLASSES),
  title: record(text),
  canOptOut: flag,
  defaultFrequency: optional(oneOf(FREQUENCIES)),
});
const messageType = shape({
  category: text,
  template: optional(text),
  channels: optional(list(oneOf(CHANNELS))),
  routing: optional(routingSchema),
  priority: optional(oneOf(PRIORITIES)),
  expiresAfterMs: optional(count),
  variablesSchema: optional(record(json)),
  canOptOut: optional(flag),
  unknownOutcome: optional(oneOf(['retry', 'hold'])),
});

/** How the events of a catalogue are stored; nothing in them is personal. */
export const catalogueStorage = {
  CategoryDeclared: firstVersion(shape({ key: text, version: count, category, declaredAt: instant })),
  CategoryChanged: firstVersion(shape({ key: text, version: count, category, changedAt: instant })),
  TypeDeclared: firstVersion(shape({ key: text, version: count, messageType, declaredAt: instant })),
  TypeChanged: firstVersion(shape({ key: text, version: count, messageType, changedAt: instant })),
} satisfies StorageOf<CatalogueEvent>;
