import { Type } from 'typebox';
import { FREQUENCIES } from '../../domain/catalogue/events.ts';
import type { JsonMembers } from '../../domain/values/mergePatch.ts';
import { Channels, RoutingSchema } from './notification.ts';
import { answer, ClassName, closed, Duration, Locale, nullable, oneOf, OutsideId, page, PriorityName } from './values.ts';

const TitleText = Type.String({ minLength: 1, maxLength: 200 });
const titles = <V extends object>(value: V) => ({ type: 'object', propertyNames: Locale, additionalProperties: value, maxProperties: 100 });
const Titles = Type.Unsafe<Readonly<Record<string, string>>>(titles(TitleText));
const TitlesPatch = Type.Unsafe<Readonly<Record<string, string | null>>>(titles(nullable(TitleText)));
/** JSON Schema 2020-12 of the variables; what it may use is checked when it is declared. */
export const VariablesSchema = Type.Unsafe<JsonMembers>({ type: 'object', maxProperties: 100, description: 'JSON Schema 2020-12.' });

export const CategoryRequest = closed(
  {
    class: ClassName,
    title: Type.Optional(Titles),
    canOptOut: Type.Optional(Type.Boolean()),
    defaultFrequency: Type.Optional(oneOf(FREQUENCIES)),
  },
  { title: 'CategoryRequest', examples: [{ class: 'transactional', title: { en: 'Orders', de: 'Bestellungen' } }] },
);
export const CategoryPatchRequest = closed(
  {
    class: Type.Optional(ClassName),
    title: Type.Optional(nullable(TitlesPatch)),
    canOptOut: Type.Optional(nullable(Type.Boolean())),
    defaultFrequency: Type.Optional(nullable(oneOf(FREQUENCIES))),
  },
  { title: 'CategoryPatch' },
);
export const CategoryShown = answer('Category', {
  key: Type.String(),
  class: ClassName,
  title: Type.Record(Type.String(), Type.String()),
  canOptOut: Type.Boolean(),
  defaultFrequency: Type.Optional(oneOf(FREQUENCIES)),
  version: Type.Integer(),
});
export const CategoryList = page('CategoryList', CategoryShown);

const typeMembers = {
  template: OutsideId,
  channels: Channels,
  routing: RoutingSchema,
  priority: PriorityName,
  expiresAfter: Duration,
  variablesSchema: VariablesSchema,
  canOptOut: Type.Boolean(),
  unknownOutcome: oneOf(['retry', 'hold']),
};
export const TypeRequest = closed(
  {
    category: OutsideId,
    template: Type.Optional(typeMembers.template),
    channels: Type.Optional(typeMembers.channels),
    routing: Type.Optional(typeMembers.routing),
    priority: Type.Optional(typeMembers.priority),
    expiresAfter: Type.Optional(typeMembers.expiresAfter),
    variablesSchema: Type.Optional(typeMembers.variablesSchema),
    canOptOut: Type.Optional(typeMembers.canOptOut),
    unknownOutcome: Type.Optional(typeMembers.unknownOutcome),
  },
  { title: 'TypeRequest', examples: [{ category: 'transactional', template: 'order-shipped', priority: 'high', expiresAfter: 'P2D' }] },
);
export const TypePatchRequest = closed(
  {
    category: Type.Optional(OutsideId),
    template: Type.Optional(nullable(typeMembers.template)),
    channels: Type.Optional(nullable(typeMembers.channels)),
    routing: Type.Optional(nullable(typeMembers.routing)),
    priority: Type.Optional(nullable(typeMembers.priority)),
    expiresAfter: Type.Optional(nullable(typeMembers.expiresAfter)),
    variablesSchema: Type.Optional(nullable(typeMembers.variablesSchema)),
    canOptOut: Type.Optional(nullable(typeMembers.canOptOut)),
    unknownOutcome: Type.Optional(nullable(typeMembers.unknownOutcome)),
  },
  { title: 'TypePatch' },
);
export const TypeShown = answer('MessageType', {
  type: Type.String(),
  category: Type.String(),
  template: Type.Optional(Type.String()),
  channels: Type.Optional(Channels),
  routing: Type.Optional(Type.Record(Type.String(), Type.String())),
  priority: Type.Optional(PriorityName),
  expiresAfter: Type.Optional(Type.String()),
  variablesSchema: Type.Optional(VariablesSchema),
  canOptOut: Type.Optional(Type.Boolean()),
  unknownOutcome: Type.Optional(oneOf(['retry', 'hold'])),
  version: Type.Integer(),
});
export const TypeList = page('MessageTypeList', TypeShown);
