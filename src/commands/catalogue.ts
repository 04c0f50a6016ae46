import type { Catalogue, CatalogueCode, CatalogueCommand } from '../domain/catalogue/catalogue.ts';
import type { CategoryInput, CategoryPatch } from '../domain/catalogue/category.ts';
import type { Category, MessageType } from '../domain/catalogue/events.ts';
import type { TypePatch } from '../domain/catalogue/messageType.ts';
import type { IfVersion } from '../domain/kernel/precondition.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { Instant } from '../domain/values/instant.ts';
import type { Position } from '../domain/values/ids.ts';
import type { JsonMembers } from '../domain/values/mergePatch.ts';
import { contextOf, type Caller, type ContextPorts } from './caller.ts';
import { handle, type Handled } from './handle.ts';
import type { EventLog } from './ports.ts';
import { CATALOGUE, MAIN } from './registry.ts';

/** An entry as it stands after the command. `version`: the ETag. */
export type EntryResult<Entry> = {
  readonly entry: Entry;
  readonly version: number;
  readonly created: boolean;
  readonly position?: Position;
};
export type CatalogueRefusal = Rejection<CatalogueCode | 'invalid_schema'>;
export type CataloguePorts = ContextPorts & {
  readonly log: EventLog;
  /** Whether this can be the JSON Schema of variables: an object, bounded, of known keywords. Empty: it can. */
  readonly checkSchema: (schema: JsonMembers) => readonly { readonly path: string; readonly message: string }[];
};
/** `ifVersion`: `If-Match`; 0 is the version of an entry that is not there or only built in. */
export type EntryKey = { readonly key: string; readonly ifVersion?: IfVersion };

/** Use cases about a tenant's categories and types; keys match `[A-Za-z0-9_.:-]{1,128}`. All throw PortError. */
export function catalogueCommands(ports: CataloguePorts) {
  const run = handle(ports.log, CATALOGUE);

  async function change<Entry>(
    caller: Caller,
    commandAt: (now: Instant) => CatalogueCommand,
    entryOf: (state: Catalogue) => Entry | undefined,
    versionOf: (state: Catalogue) => number | undefined,
  ): Promise<EntryResult<Entry> | CatalogueRefusal> {
    const context = await contextOf(ports, caller, 'catalogue');
    const outcome = await run({ id: MAIN, input: commandAt(context.envelope.occurredAt), context });
    return isRejection<CatalogueCode>(outcome) ? outcome : resultOf(outcome, entryOf(outcome.state), versionOf(outcome.state));
  }

  const category = (caller: Caller, key: string, commandAt: (now: Instant) => CatalogueCommand) =>
    change<Category>(
      caller,
      commandAt,
      ({ categories }) => categories.get(key),
      ({ versions }) => versions.categories.get(key),
    );
  async function messageType(
    caller: Caller,
    key: string,
    variablesSchema: JsonMembers | null | undefined,
    commandAt: (now: Instant) => CatalogueCommand,
  ): Promise<EntryResult<MessageType> | CatalogueRefusal> {
    const [wrong] = variablesSchema === undefined || variablesSchema === null ? [] : ports.checkSchema(variablesSchema);
    if (wrong !== undefined) return reject('invalid_schema', wrong.message, `/variablesSchema${wrong.path}`);
    return change<MessageType>(
      caller,
      commandAt,
      ({ types }) => types.get(key),
      ({ versions }) => versions.types.get(key),
    );
  }

  return {
    putCategory: (caller: Caller, entry: EntryKey, input: CategoryInput) =>
      category(caller, entry.key, (now) => ({ type: 'PutCategory', data: { ...entry, category: input, now } })),
    patchCategory: (caller: Caller, entry: EntryKey, patch: CategoryPatch) =>
      category(caller, entry.key, (now) => ({ type: 'PatchCategory', data: { ...entry, patch, now } })),
    putType: (caller: Caller, entry: EntryKey, input: MessageType) =>
      messageType(caller, entry.key, input.variablesSchema, (now) => ({ type: 'PutType', data: { ...entry, messageType: input, now } })),
    patchType: (caller: Caller, entry: EntryKey, patch: TypePatch) =>
      messageType(caller, entry.key, patch.variablesSchema, (now) => ({ type: 'PatchType', data: { ...entry, patch, now } })),
  };
}

function resultOf<Entry>(
  { events, position }: Pick<Handled<Catalogue, { readonly type: string }>, 'events' | 'position'>,
  entry: Entry | undefined,
  version: number | undefined,
): EntryResult<Entry> {
  if (entry === undefined) throw new TypeError('a catalogue took a change and holds no such entry');
  const created = events.some(({ type }) => type === 'CategoryDeclared' || type === 'TypeDeclared');
  return { entry, version: version ?? 0, created, ...(position !== undefined && { position }) };
}
