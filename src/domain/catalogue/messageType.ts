import { present } from '../kernel/present.ts';
import { reject, type Rejection } from '../kernel/rejection.ts';
import { mergeMember } from '../values/mergePatch.ts';
import type { Category, MessageType } from './events.ts';

/** JSON Merge Patch (RFC 7386) by member: null removes. `routing` and `variablesSchema` are units of meaning and replaced as a whole. */
export type TypePatch = { readonly [Member in keyof MessageType]?: MessageType[Member] | null };
export type TypeCode = 'category_required' | 'unknown_category' | 'marketing_needs_opt_out';

/** A type's class comes from its category alone, so the category has to be there. */
export function checkedType(input: MessageType, categories: ReadonlyMap<string, Category>): MessageType | Rejection<TypeCode> {
  const category = categories.get(input.category);
  if (category === undefined)
    return reject('unknown_category', 'declare the category first: PUT /v1/categories/{key}, or name one that is built in', '/category');
  if (category.class === 'marketing' && input.canOptOut === false)
    return reject('marketing_needs_opt_out', 'marketing can always be left; leave canOptOut out or set it to true', '/canOptOut');
  return input;
}

export function patchedType(
  patch: TypePatch,
  current: MessageType | undefined,
  categories: ReadonlyMap<string, Category>,
): MessageType | Rejection<TypeCode> {
  const category = mergeMember(current?.category, patch.category);
  if (category === undefined) return reject('category_required', 'say which category the type belongs to', '/category');
  const before: Partial<MessageType> = current ?? {};
  const merged = present({
    template: mergeMember(before.template, patch.template),
    channels: mergeMember(before.channels, patch.channels),
    routing: mergeMember(before.routing, patch.routing),
    priority: mergeMember(before.priority, patch.priority),
    expiresAfterMs: mergeMember(before.expiresAfterMs, patch.expiresAfterMs),
    variablesSchema: mergeMember(before.variablesSchema, patch.variablesSchema),
    canOptOut: mergeMember(before.canOptOut, patch.canOptOut),
    unknownOutcome: mergeMember(before.unknownOutcome, patch.unknownOutcome),
  });
  return checkedType({ category, ...merged }, categories);
}
