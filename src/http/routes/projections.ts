import { Type } from 'typebox';
import { present } from '../../domain/kernel/present.ts';
import { operation, plain } from '../operation.ts';
import type { Operation, Reply } from '../operation.ts';
import { pageOf, pageOfAll } from '../../domain/values/page.ts';
import type { Projections } from '../ports.ts';
import { refuse } from '../problems.ts';
import { answer, closed, InstantOut, nullable, oneOf, OutsideId, page, PageQuery } from '../schemas/values.ts';

export type ProjectionPorts = { readonly projections: Projections };

const tag = 'Projections';
const Status = answer('Projection', {
  name: Type.String(),
  suffix: Type.String({ description: 'Of its tables: a rebuild stands beside the live one under the same name.' }),
  version: Type.Integer(),
  status: Type.String({ description: 'live, building, idle (nobody holds it), doubtful (it looks whether it is to stop), stopped.' }),
  reason: Type.Optional(Type.String()),
  position: Type.String(),
  head: Type.String(),
  lag: Type.Integer({ description: 'Milliseconds.' }),
  rate: Type.Number({ description: 'Events per second.' }),
  parked: Type.Integer(),
  holder: Type.Optional(Type.String()),
});
const StatusList = page('ProjectionList', Status);
const Rebuilding = answer('RebuildAsked', { name: Type.String() });
const Parked = answer('ParkedEvent', {
  suffix: Type.String({ description: 'Of the tables that lack it: the live ones, or those that are being built beside them.' }),
  id: Type.String(),
  position: Type.String(),
  stream: Type.String(),
  error: Type.String(),
  tries: Type.Integer(),
  wish: nullable(oneOf(['retry', 'skip'])),
  parkedAt: InstantOut,
});
const ParkedPage = page('ParkedEventPage', Parked);
const Wished = answer('ParkedWish', { id: Type.String(), wish: oneOf(['retry', 'skip']) });
const NameParams = closed({ name: OutsideId });
const ParkedParams = closed({ name: OutsideId, id: OutsideId });

const none = (): Reply => refuse('projection_not_found', 'There is no projection of this name.');

const wish = ({ projections }: ProjectionPorts, kind: 'retry' | 'skip', summary: string): Operation =>
  operation({
    ...plain,
    id: `${kind}ParkedEvent`,
    method: 'post',
    path: `/v1/projections/{name}/parked/{id}/${kind}`,
    tag,
    summary,
    scope: 'instance',
    params: ParkedParams,
    responses: { 202: { description: 'Asked of whoever holds the projection.', schema: Wished } },
    handler: async ({ params: { name, id } }) => {
      const asked = await projections.askParked(name, id, kind);
      if (asked === 'unknown') return refuse('parked_event_not_found', 'No such event is parked there.');
      if (asked === 'facts')
        return refuse('facts_cannot_be_skipped', 'What gates decide by cannot be left out: retry it once it can be applied.');
      return { status: 202, body: { id, wish: kind } };
    },
  });

/** The consumers of the log: how far they are, and what they could not apply. */
export const projectionRoutes = (ports: ProjectionPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'listProjections',
    method: 'get',
    path: '/v1/projections',
    tag,
    summary: 'How far every consumer of the log is, in order of their names',
    scope: 'instance',
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: StatusList } },
    handler: async ({ query: { limit }, place }) => {
      const all = await ports.projections.list();
      const { rows, next } = pageOfAll(all, { limit, ...present({ place }) }, ({ name, suffix }) => `${name} ${suffix}`);
      return { status: 200, page: { data: rows, next } };
    },
  }),
  operation({
    ...plain,
    id: 'rebuildProjection',
    method: 'post',
    path: '/v1/projections/{name}/rebuild',
    tag,
    summary: 'Build it anew beside the live one, and put that to use when it is there',
    scope: 'instance',
    params: NameParams,
    responses: { 202: { description: 'Asked for; the list shows its progress.', schema: Rebuilding } },
    handler: async ({ params: { name } }) => ((await ports.projections.rebuild(name)) ? { status: 202, body: { name } } : none()),
  }),
  operation({
    ...plain,
    id: 'listParkedEvents',
    method: 'get',
    path: '/v1/projections/{name}/parked',
    tag,
    summary: 'Events that could not be applied and those that wait behind them, oldest first',
    scope: 'instance',
    params: NameParams,
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: ParkedPage } },
    handler: async ({ params: { name }, query: { limit }, place }) => {
      const rows = await ports.projections.parked(name, limit + 1, place);
      if (rows === undefined) return none();
      const page = pageOf(rows, limit, ({ position }) => position);
      return { status: 200, page: { data: page.rows, next: page.next } };
    },
  }),
  wish(ports, 'retry', 'Try a parked event again, in order'),
  wish(ports, 'skip', 'Leave a parked event out for good'),
];
