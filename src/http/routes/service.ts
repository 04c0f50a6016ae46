import { Type } from 'typebox';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import type { Health, MetricsText } from '../ports.ts';
import { answer, closed } from '../schemas/values.ts';

export type ServicePorts = { readonly health: Health; readonly metrics: MetricsText };

const Live = answer('Live', { status: Type.Literal('live') });
const Ready = answer('Ready', {
  ready: Type.Boolean(),
  checks: Type.Array(closed({ name: Type.String(), ok: Type.Boolean(), detail: Type.Optional(Type.String()) })),
});

/** What is asked of the service itself, not of a tenant. */
export const serviceRoutes = ({ health, metrics }: ServicePorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'live',
    method: 'get',
    path: '/health/live',
    tag: 'Service',
    summary: 'Whether the process runs, and no part of it hangs',
    scope: 'public',
    responses: { 200: { description: 'It does.', schema: Live } },
    handler: async () => {
      await health.live();
      return { status: 200, body: { status: 'live' } };
    },
  }),
  operation({
    ...plain,
    id: 'ready',
    method: 'get',
    path: '/health/ready',
    tag: 'Service',
    summary: 'Whether it can do its work: each dependency and how far behind each consumer is',
    scope: 'public',
    responses: { 200: { description: 'It can.', schema: Ready }, 503: { description: 'Something is missing.', schema: Ready } },
    handler: async () => {
      const readiness = await health.ready();
      return { status: readiness.ready ? 200 : 503, body: readiness };
    },
  }),
  operation({
    ...plain,
    id: 'metrics',
    method: 'get',
    path: '/metrics',
    tag: 'Service',
    summary: 'Figures for Prometheus',
    scope: 'public',
    responses: { 200: { description: 'The text exposition format.', schema: Type.String(), contentType: 'text/plain' } },
    handler: async () => {
      const { type, text } = await metrics.text();
      return { status: 200, content: { type, bytes: text } };
    },
  }),
];
