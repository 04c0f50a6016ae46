import { Type } from 'typebox';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import type { ParkedActions } from '../ports.ts';
import { refuse } from '../problems.ts';
import { answer, IdParams, InstantOut, page, PageQuery } from '../schemas/values.ts';

export type ActionPorts = { readonly actions: ParkedActions };

const tag = 'Projections';
const Parked = answer('ParkedAction', {
  id: Type.String(),
  kind: Type.String({ description: 'plan, handOff, recover, applyBatch.' }),
  tenant: Type.String(),
  target: Type.String({ description: 'The notification, or the batch.' }),
  items: Type.Array(Type.Integer(), { description: 'The ends of its deliveries’ ids: `<target>_<item>`.' }),
  tries: Type.Integer(),
  error: Type.String(),
  parkedAt: InstantOut,
});
const ParkedPage = page('ParkedActionPage', Parked);
const Due = answer('ParkedActionDue', { id: Type.String() });

/** What was to be done and failed too often: set aside until somebody has removed the cause. */
export const actionRoutes = ({ actions }: ActionPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'listParkedActions',
    method: 'get',
    path: '/v1/actions/parked',
    tag,
    summary: 'What was to be done and failed too often, oldest first',
    scope: 'instance',
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: ParkedPage } },
    handler: async ({ query: { limit }, place }) => {
      const { rows, next } = await actions.parked({ limit, ...(place !== undefined && { place }) });
      return { status: 200, page: { data: rows, next } };
    },
  }),
  operation({
    ...plain,
    id: 'retryParkedAction',
    method: 'post',
    path: '/v1/actions/parked/{id}/retry',
    tag,
    summary: 'Do it now, with all its tries anew',
    scope: 'instance',
    params: IdParams,
    responses: { 202: { description: 'Due at once.', schema: Due } },
    handler: async ({ params: { id } }) =>
      (await actions.retry(id))
        ? { status: 202, body: { id } }
        : refuse('parked_action_not_found', 'No such action is parked: see GET /v1/actions/parked.'),
  }),
];
