import { assertNever } from '../kernel/assertNever.ts';
import { canonicalJson } from '../kernel/canonicalJson.ts';
import type { Decider, Decision } from '../kernel/decider.ts';
import { preconditionHolds, type IfVersion } from '../kernel/precondition.ts';
import { isRejection, reject, type Rejection } from '../kernel/rejection.ts';
import type { Instant } from '../values/instant.ts';
import { BUILT_IN_CATEGORIES, categoryOf, patchedCategory, type CategoryCode, type CategoryInput, type CategoryPatch } from './category.ts';
import type { CatalogueEvent, Category, MessageType } from './events.ts';
import { checkedType, patchedType, type TypeCode, type TypePatch } from './messageType.ts';

/** An entry that is not there, or only built in, has version 0. */
type Change = { readonly key: string; readonly ifVersion?: IfVersion; readonly now: Instant };
export type CatalogueCommand =
  | { readonly type: 'PutCategory'; readonly data: Change & { readonly category: CategoryInput } }
  | { readonly type: 'PatchCategory'; readonly data: Change & { readonly patch: CategoryPatch } }
  | { readonly type: 'PutType'; readonly data: Change & { readonly messageType: MessageType } }
  | { readonly type: 'PatchType'; readonly data: Change & { readonly patch: TypePatch } };
export type CatalogueCode = CategoryCode | TypeCode | 'precondition_failed' | 'catalogue_full';

/** A tenant's types and categories; entries of version 0 are built in. */
export type Catalogue = {
  readonly categories: Map<string, Category>;
  readonly types: Map<string, MessageType>;
  readonly versions: { readonly categories: Map<string, number>; readonly types: Map<string, number> };
};

/** Categories and types together: the whole catalogue is held in memory by every process. */
export const MAX_ENTRIES = 5000;

type Decided = Decision<CatalogueEvent, CatalogueCode>;

/** What keeps a change from being made, whatever it says. */
function obstacle({ key, ifVersion }: Change, state: Catalogue, kind: 'categories' | 'types'): Rejection<CatalogueCode> | undefined {
  const version = state.versions[kind].get(key) ?? 0;
  if (!preconditionHolds(ifVersion, version, state[kind].has(key)))
    return reject('precondition_failed', 'the entry has changed since it was read; read it again and repeat the change');
  if (!state[kind].has(key) && state.categories.size + state.types.size >= MAX_ENTRIES)
    return reject('catalogue_full', `a catalogue holds at most ${String(MAX_ENTRIES)} categories and types`);
  return undefined;
}

function setCategory(change: Change, category: Category | Rejection<CategoryCode>, state: Catalogue): Decided {
  const no = obstacle(change, state, 'categories');
  if (no !== undefined) return no;
  if (isRejection<CategoryCode>(category)) return category;
  const { key, now } = change;
  const current = state.categories.get(key);
  if (current === undefined) return [{ type: 'CategoryDeclared', data: { key, version: 1, category, declaredAt: now } }];
  if (canonicalJson(current) === canonicalJson(category)) return [];
  const version = (state.versions.categories.get(key) ?? 0) + 1;
  return [{ type: 'CategoryChanged', data: { key, version, category, changedAt: now } }];
}

function setType(change: Change, messageType: MessageType | Rejection<TypeCode>, state: Catalogue): Decided {
  const no = obstacle(change, state, 'types');
  if (no !== undefined) return no;
  if (isRejection<TypeCode>(messageType)) return messageType;
  const { key, now } = change;
  const current = state.types.get(key);
  if (current === undefined) return [{ type: 'TypeDeclared', data: { key, version: 1, messageType, declaredAt: now } }];
  if (canonicalJson(current) === canonicalJson(messageType)) return [];
  const version = (state.versions.types.get(key) ?? 0) + 1;
  return [{ type: 'TypeChanged', data: { key, version, messageType, changedAt: now } }];
}

function decide({ type, data }: CatalogueCommand, state: Catalogue): Decided {
  switch (type) {
    case 'PutCategory':
      return setCategory(data, categoryOf(data.category, state.categories.get(data.key)), state);
    case 'PatchCategory':
      return setCategory(data, patchedCategory(data.patch, state.categories.get(data.key)), state);
    case 'PutType':
      return setType(data, checkedType(data.messageType, state.categories), state);
    case 'PatchType':
      return setType(data, patchedType(data.patch, state.types.get(data.key), state.categories), state);
  }
}

function evolve(state: Catalogue, event: CatalogueEvent): Catalogue {
  switch (event.type) {
    case 'CategoryDeclared':
    case 'CategoryChanged':
      state.categories.set(event.data.key, event.data.category);
      state.versions.categories.set(event.data.key, event.data.version);
      return state;
    case 'TypeDeclared':
    case 'TypeChanged':
      state.types.set(event.data.key, event.data.messageType);
      state.versions.types.set(event.data.key, event.data.version);
      return state;
    default:
      return assertNever(event);
  }
}

/** What can be said to people and what they can leave. */
export const catalogue: Decider<CatalogueCommand, Catalogue, CatalogueEvent, CatalogueCode> = {
  initial: () => ({ categories: new Map(BUILT_IN_CATEGORIES), types: new Map(), versions: { categories: new Map(), types: new Map() } }),
  decide,
  evolve,
};
