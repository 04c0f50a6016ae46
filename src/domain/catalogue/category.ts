import { present } from '../kernel/present.ts';
import { reject, type Rejection } from '../kernel/rejection.ts';
import { MESSAGE_CLASSES, type MessageClass } from '../values/channel.ts';
import { mergeMember } from '../values/mergePatch.ts';
import type { Category, Frequency } from './events.ts';

/** A category as a caller writes it. `canOptOut` absent: everything but `security` can be left. */
export type CategoryInput = {
  readonly class: MessageClass;
  readonly title?: Category['title'];
  readonly canOptOut?: boolean;
  readonly defaultFrequency?: Frequency;
};
/** JSON Merge Patch (RFC 7386): null removes; titles are merged locale by locale. */
export type CategoryPatch = { readonly [Member in Exclude<keyof CategoryInput, 'title'>]?: CategoryInput[Member] | null } & {
  readonly title?: { readonly [locale: string]: string | null } | null;
};
export type CategoryCode = 'class_required' | 'category_class_fixed' | 'marketing_needs_opt_out';

const TITLES: Readonly<Record<MessageClass, string>> = {
  transactional: 'Transactional',
  security: 'Security',
  account: 'Account',
  marketing: 'Marketing',
};
const canLeave = (messageClass: MessageClass): boolean => messageClass !== 'security';

/** One per class, of the same name, in every catalogue from the beginning (version 0). */
export const BUILT_IN_CATEGORIES: ReadonlyMap<string, Category> = new Map(
  MESSAGE_CLASSES.map((messageClass) => [
    messageClass,
    { class: messageClass, title: { en: TITLES[messageClass] }, canOptOut: canLeave(messageClass) },
  ]),
);

/**
 * The category that the input makes of the current one. The class is fixed from the first day: what people chose and agreed to under one
 * law must not silently come under another. Marketing can always be left (GDPR art. 21 (2) and (3)).
 */
export function categoryOf(input: CategoryInput, current: Category | undefined): Category | Rejection<CategoryCode> {
  if (current !== undefined && current.class !== input.class)
    return reject('category_class_fixed', `the class stays ${current.class}; declare another category for another class`, '/class');
  const canOptOut = input.canOptOut ?? canLeave(input.class);
  if (input.class === 'marketing' && !canOptOut)
    return reject('marketing_needs_opt_out', 'marketing can always be left; leave canOptOut out or set it to true', '/canOptOut');
  return { class: input.class, title: input.title ?? {}, canOptOut, ...present({ defaultFrequency: input.defaultFrequency }) };
}

export function patchedCategory(patch: CategoryPatch, current: Category | undefined): Category | Rejection<CategoryCode> {
  const messageClass = mergeMember(current?.class, patch.class);
  if (messageClass === undefined) return reject('class_required', 'say which class the category belongs to', '/class');
  return categoryOf(
    {
      class: messageClass,
      title: patch.title === null ? {} : mergeTitles(current?.title ?? {}, patch.title ?? {}),
      ...present({
        canOptOut: mergeMember(current?.canOptOut, patch.canOptOut),
        defaultFrequency: mergeMember(current?.defaultFrequency, patch.defaultFrequency),
      }),
    },
    current,
  );
}

function mergeTitles(current: Category['title'], patch: { readonly [locale: string]: string | null }): Category['title'] {
  const titles = new Map(Object.entries(current));
  for (const [locale, title] of Object.entries(patch)) {
    if (title === null) titles.delete(locale);
    else titles.set(locale, title);
  }
  return Object.fromEntries(titles);
}
