import { Type } from 'typebox';
import { present } from '../../domain/kernel/present.ts';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import type { Captures } from '../ports.ts';
import { answer, ChannelName, InstantOut, listOf, OutsideId, page } from '../schemas/values.ts';

export type CapturedPorts = { readonly captures: Captures };

const tag = 'Captured messages';
const text = Type.Optional(Type.String());
const Captured = answer('CapturedMessage', {
  id: Type.String(),
  channel: ChannelName,
  to: Type.String(),
  from: text,
  replyTo: text,
  subject: text,
  text,
  html: text,
  headers: Type.Optional(Type.Record(Type.String(), Type.String())),
  raw: Type.Optional(Type.String({ description: 'The mail as it would have left (RFC 5322).' })),
  attachments: Type.Optional(Type.Array(Type.Object({ filename: Type.String(), contentType: Type.String(), size: Type.Integer() }))),
  title: text,
  body: Type.Optional(Type.Unknown()),
  url: text,
  data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  actions: Type.Optional(Type.Array(Type.Object({ label: Type.String(), url: Type.String() }))),
  notificationId: Type.String(),
  deliveryId: Type.String(),
  capturedAt: InstantOut,
});
const CapturedPage = page('CapturedPage', Captured);
const CapturedQuery = listOf({
  channel: Type.Optional(ChannelName),
  to: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
  notificationId: Type.Optional(OutsideId),
});
const Cleared = answer('CapturedCleared', { deleted: Type.Integer() });

/** What the capture provider took instead of sending it. */
export const capturedRoutes = ({ captures }: CapturedPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'listCaptured',
    method: 'get',
    path: '/v1/captured',
    tag,
    summary: 'Captured messages of the last 24 h, newest first, in full',
    scope: 'pii',
    reads: ['notifications'],
    query: CapturedQuery,
    responses: { 200: { description: 'A page.', schema: CapturedPage } },
    handler: async ({ access: { tenant }, query: { limit, cursor: _cursor, ...filter }, place }) => {
      const { rows, next } = await captures.list(tenant, filter, { limit, ...present({ place }) });
      return { status: 200, page: { data: rows, next }, shown: { resource: 'captured' } };
    },
  }),
  operation({
    ...plain,
    id: 'clearCaptured',
    method: 'delete',
    path: '/v1/captured',
    tag,
    summary: 'Throw all captured messages away',
    description:
      'They are no events: nothing of it stands in the log, there is no position to wait for, and it holds at once. Deliveries stay as they are.',
    scope: 'pii',
    responses: { 200: { description: 'How many there were.', schema: Cleared } },
    handler: async ({ access: { tenant } }) => ({ status: 200, body: { deleted: await captures.clear(tenant) } }),
  }),
];
