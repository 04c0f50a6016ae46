import Type from 'typebox';
import { count, flag, instant, list, oneOf, optional, shape, text } from '../kernel/schema.ts';
import { CHANNELS, MESSAGE_CLASSES, PRIORITIES } from './channel.ts';
import { routingSchema } from './routing.ts';

/** How a schedule is stored. */
export const scheduleSchema = Type.Union([shape({ at: instant }), shape({ local: text, timeZone: text })]);

/** How a message is treated: also a part of `BatchOpened`. */
export const termsSchema = shape({
  type: text,
  category: text,
  class: oneOf(MESSAGE_CLASSES),
  priority: oneOf(PRIORITIES),
  mode: oneOf(['live', 'test']),
  channels: list(oneOf(CHANNELS)),
  channelsNamed: flag,
  routing: routingSchema,
  template: optional(shape({ key: text, version: count })),
  schedule: optional(scheduleSchema),
  expiresAt: optional(instant),
  expiresAfterMs: optional(count),
  dedup: optional(shape({ key: text, windowMs: count })),
  unknownOutcome: oneOf(['retry', 'hold']),
  key: optional(text),
  source: optional(text),
});
