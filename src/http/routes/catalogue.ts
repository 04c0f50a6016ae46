import type { Static } from 'typebox';
import type { catalogueCommands, CatalogueRefusal, EntryResult } from '../../commands/catalogue.ts';
import type { Category, MessageType } from '../../domain/catalogue/events.ts';
import type { TypePatch } from '../../domain/catalogue/messageType.ts';
import { present } from '../../domain/kernel/present.ts';
import { durationOf } from '../../domain/values/duration.ts';
import { DEFAULT_WAIT_MS, type Routing } from '../../domain/values/routing.ts';
import { catalogueOf, categoryOf, typeOf } from '../../projections/catalogue/queries.ts';
import { millisecondsIn, routingIn } from '../notificationBody.ts';
import { routingView } from '../notificationView.ts';
import { operation, plain } from '../operation.ts';
import type { Operation, Reply } from '../operation.ts';
import { pageOfAll } from '../../domain/values/page.ts';
import type { Reads } from '../ports.ts';
import { isRefusal, refuse } from '../problems.ts';
import {
  CategoryList,
  CategoryPatchRequest,
  CategoryRequest,
  CategoryShown,
  TypeList,
  TypePatchRequest,
  TypeRequest,
  TypeShown,
} from '../schemas/catalogue.ts';
import type { RoutingBody } from '../schemas/notification.ts';
import { closed, KeyParams, OutsideId, PageQuery } from '../schemas/values.ts';

export type CatalogueRoutePorts = { readonly commands: ReturnType<typeof catalogueCommands>; readonly reads: Reads };

const tag = 'Catalogue';
const reads = ['catalogue'];

const categoryView = (key: string, entry: Category, version: number): object => ({ key, ...entry, version });
function typeView(type: string, { expiresAfterMs, routing, ...entry }: MessageType, version: number): object {
  return {
    type,
    ...entry,
    ...present({
      routing: routing === undefined ? undefined : routingView(routing),
      expiresAfter: expiresAfterMs === undefined ? undefined : durationOf(expiresAfterMs),
    }),
    version,
  };
}

function routingOf(body: RoutingBody): Routing {
  const routing = routingIn(body);
  if (routing.method === 'all' || routing.until === 'accepted') return routing;
  return { ...routing, waitMs: routing.waitMs ?? DEFAULT_WAIT_MS };
}
function unlessNull<T, U>(value: T | null | undefined, map: (value: T) => U): U | null | undefined {
  if (value === undefined) return undefined;
  return value === null ? null : map(value);
}

const typeIn = ({ expiresAfter, routing, ...rest }: Static<typeof TypeRequest>): MessageType => ({
  ...rest,
  ...present({
    routing: routing === undefined ? undefined : routingOf(routing),
    expiresAfterMs: expiresAfter === undefined ? undefined : millisecondsIn(expiresAfter),
  }),
});
const typePatchIn = ({ expiresAfter, routing, ...rest }: Static<typeof TypePatchRequest>): TypePatch => ({
  ...rest,
  ...present({ routing: unlessNull(routing, routingOf), expiresAfterMs: unlessNull(expiresAfter, millisecondsIn) }),
});

function answered<Entry>(outcome: EntryResult<Entry> | CatalogueRefusal, view: (entry: Entry, version: number) => object): Reply {
  if (isRefusal(outcome)) return outcome;
  const { entry, version, created, position } = outcome;
  return { status: created ? 201 : 200, body: view(entry, version), revision: version, ...present({ position }) };
}
const entryOf = (key: string, ifMatch: number | 'any' | undefined) => ({ key, ...present({ ifVersion: ifMatch }) });

const categoryPath = '/v1/categories/{key}';
const typePath = '/v1/types/{type}';
const TypeParams = closed({ type: OutsideId });
const oneCategory = {
  200: { description: 'The category.', schema: CategoryShown },
  201: { description: 'Declared.', schema: CategoryShown },
} as const;
const oneType = { 200: { description: 'The type.', schema: TypeShown }, 201: { description: 'Declared.', schema: TypeShown } } as const;

/** What people can leave. */
const categoryRoutes = ({ commands, reads: read }: CatalogueRoutePorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'putCategory',
    method: 'put',
    path: categoryPath,
    tag,
    summary: 'Declare or replace a category',
    scope: 'manage',
    conditional: true,
    params: KeyParams,
    body: CategoryRequest,
    responses: oneCategory,
    handler: async ({ caller, params: { key }, body, ifMatch }) =>
      answered(await commands.putCategory(caller, entryOf(key, ifMatch), body), (entry, version) => categoryView(key, entry, version)),
  }),
  operation({
    ...plain,
    id: 'patchCategory',
    method: 'patch',
    path: categoryPath,
    tag,
    summary: 'Declare a category, or change what is given',
    scope: 'manage',
    conditional: true,
    params: KeyParams,
    body: CategoryPatchRequest,
    responses: oneCategory,
    handler: async ({ caller, params: { key }, body, ifMatch }) =>
      answered(await commands.patchCategory(caller, entryOf(key, ifMatch), body), (entry, version) => categoryView(key, entry, version)),
  }),
  operation({
    ...plain,
    id: 'getCategory',
    method: 'get',
    path: categoryPath,
    tag,
    summary: 'One category',
    scope: 'read',
    reads,
    params: KeyParams,
    responses: { 200: oneCategory[200] },
    handler: async ({ access: { tenant }, params: { key } }) => {
      const found = await read.read(tenant, 'catalogue', (tx, suffix) => categoryOf(tx, suffix, tenant, key));
      if (found === undefined) return refuse('category_not_found', 'There is no category of this key.');
      return { status: 200, body: categoryView(key, found.entry, found.version), revision: found.version };
    },
  }),
  operation({
    ...plain,
    id: 'listCategories',
    method: 'get',
    path: '/v1/categories',
    tag,
    summary: 'All categories, in order of their keys',
    scope: 'read',
    reads,
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: CategoryList } },
    handler: async ({ access: { tenant }, query: { limit }, place }) => {
      const { categories } = await read.read(tenant, 'catalogue', (tx, suffix) => catalogueOf(tx, suffix, tenant));
      const { rows, next } = pageOfAll([...categories], { limit, ...present({ place }) }, ([key]) => key);
      return { status: 200, page: { data: rows.map(([key, { entry, version }]) => categoryView(key, entry, version)), next } };
    },
  }),
];

/** What happened, and how it is told. */
const typeRoutes = ({ commands, reads: read }: CatalogueRoutePorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'putType',
    method: 'put',
    path: typePath,
    tag,
    summary: 'Declare or replace a type',
    scope: 'manage',
    conditional: true,
    params: TypeParams,
    body: TypeRequest,
    responses: oneType,
    handler: async ({ caller, params: { type }, body, ifMatch }) =>
      answered(await commands.putType(caller, entryOf(type, ifMatch), typeIn(body)), (entry, version) => typeView(type, entry, version)),
  }),
  operation({
    ...plain,
    id: 'patchType',
    method: 'patch',
    path: typePath,
    tag,
    summary: 'Declare a type, or change what is given',
    scope: 'manage',
    conditional: true,
    params: TypeParams,
    body: TypePatchRequest,
    responses: oneType,
    handler: async ({ caller, params: { type }, body, ifMatch }) =>
      answered(await commands.patchType(caller, entryOf(type, ifMatch), typePatchIn(body)), (entry, version) =>
        typeView(type, entry, version),
      ),
  }),
  operation({
    ...plain,
    id: 'getType',
    method: 'get',
    path: typePath,
    tag,
    summary: 'One type',
    scope: 'read',
    reads,
    params: TypeParams,
    responses: { 200: oneType[200] },
    handler: async ({ access: { tenant }, params: { type } }) => {
      const found = await read.read(tenant, 'catalogue', (tx, suffix) => typeOf(tx, suffix, tenant, type));
      if (found === undefined) return refuse('type_not_found', 'There is no type of this name.');
      return { status: 200, body: typeView(type, found.entry, found.version), revision: found.version };
    },
  }),
  operation({
    ...plain,
    id: 'listTypes',
    method: 'get',
    path: '/v1/types',
    tag,
    summary: 'All declared types, in order of their names',
    scope: 'read',
    reads,
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: TypeList } },
    handler: async ({ access: { tenant }, query: { limit }, place }) => {
      const { types } = await read.read(tenant, 'catalogue', (tx, suffix) => catalogueOf(tx, suffix, tenant));
      const { rows, next } = pageOfAll([...types], { limit, ...present({ place }) }, ([type]) => type);
      return { status: 200, page: { data: rows.map(([type, { entry, version }]) => typeView(type, entry, version)), next } };
    },
  }),
];

/** Categories and types. */
export const catalogueRoutes = (ports: CatalogueRoutePorts): readonly Operation[] => [...categoryRoutes(ports), ...typeRoutes(ports)];
