import { Type } from 'typebox';
import { PortError } from '../../src/domain/kernel/portError.ts';
import { reject } from '../../src/domain/kernel/rejection.ts';
import { trusted } from '../../src/domain/values/ids.ts';
import { operation, plain } from '../../src/http/operation.ts';
import { closed, IdParams, listOf } from '../../src/http/schemas/values.ts';
import { echoOf, sizeOf } from './uploads.ts';

// Operations that no service has, for tests of what all operations have in common.

const tag = 'Service';

export const Note = closed({
  title: Type.String({ minLength: 1, maxLength: 10 }),
  lines: Type.Optional(Type.Array(Type.String({ maxLength: 3 }))),
});

/** Some ids are not found, or go wrong in one way or another. */
export const readNote = operation({
  ...plain,
  id: 'readNote',
  method: 'get',
  path: '/v1/notes/{id}',
  tag,
  summary: 'Read',
  scope: 'read',
  params: IdParams,
  reads: ['notes', 'titles'],
  responses: { 200: { description: 'It.', schema: Type.Object({ id: Type.String() }) } },
  handler: async ({ params: { id } }) => {
    if (id === 'gone') return reject('notification_not_found', 'There is none.');
    if (id === 'bug') throw new Error('secret of a@example.com');
    if (id === 'down') throw new PortError('unavailable', 'database', 'the database does not answer');
    if (id === 'race') throw new PortError('conflict', 'contended', 'again');
    if (id === 'huge') throw new PortError('invalid', 'append_too_large', 'it is too large');
    if (id === 'newer') throw new PortError('invalid', 'newer_release', 'event 1 (SaidToAna) cannot be read');
    if (id === 'newerTables') throw new PortError('unavailable', 'newer_release', 'the tables of notes are those of a newer release');
    if (id === 'wrong') return { status: 200, body: { other: 1 } };
    return { status: 200, body: { id }, revision: 7 };
  },
});
/** Answers what it was told, and by whom. */
export const writeNote = operation({
  ...plain,
  id: 'writeNote',
  method: 'post',
  path: '/v1/notes',
  tag,
  summary: 'Write',
  scope: 'send',
  idempotent: true,
  conditional: true,
  body: Note,
  refine: ({ title }) => (title === 'odd' ? [{ path: '/title', message: 'is odd' }] : []),
  responses: { 201: { description: 'Written.', schema: Type.Record(Type.String(), Type.Unknown()) } },
  handler: async ({ body, caller, ifMatch, access }) => ({
    status: 201,
    body: {
      title: body.title,
      key: caller.idempotencyKey ?? null,
      ifMatch: ifMatch ?? null,
      actor: caller.actor,
      mode: access.mode,
      correlation: caller.correlationId,
      trace: caller.traceparent ?? null,
      tenant: caller.tenant,
    },
    position: trusted('0000000000000042'),
    replayed: caller.idempotencyKey === 'again',
  }),
});
/** Numbers, six of them. */
const listNotes = operation({
  ...plain,
  id: 'listNotes',
  method: 'get',
  path: '/v1/notes',
  tag,
  summary: 'List',
  scope: 'read',
  query: listOf({ colour: Type.Optional(Type.String()) }),
  responses: {
    200: {
      description: 'Some.',
      schema: Type.Object({ data: Type.Array(Type.Integer()), nextCursor: Type.Union([Type.String(), Type.Null()]) }),
    },
  },
  handler: async ({ query: { limit }, place }) => {
    const from = Number(place ?? 0);
    return {
      status: 200,
      page: { data: Array.from({ length: limit }, (_, at) => from + at), next: from + limit >= 6 ? null : String(from + limit) },
    };
  },
});
/** Of the tenant `default` alone. */
const administer = operation({
  ...plain,
  id: 'administer',
  method: 'post',
  path: '/v1/instance',
  tag,
  summary: 'Administer',
  scope: 'instance',
  responses: { 200: { description: 'Done.' } },
  handler: async () => ({ status: 200 }),
});
export const forgetNote = operation({
  ...plain,
  id: 'forgetNote',
  method: 'delete',
  path: '/v1/notes/{id}',
  tag,
  summary: 'Forget',
  scope: 'send',
  params: IdParams,
  responses: { 204: { description: 'Forgotten.' } },
  handler: async () => ({ status: 204 }),
});

/** Most tests need no others; `echo` answers each line as it was taken. */
export const OPERATIONS = [readNote, writeNote, listNotes, administer, echoOf(Note, (line) => line), sizeOf('bytes', '/v1/bytes', 5)];
export const JSON_TYPE = { 'content-type': 'application/json' };
export const post = (body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  method: 'POST',
  headers: { ...JSON_TYPE, ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
