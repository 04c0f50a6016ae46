import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Seconds: from a lookup in memory to a provider that takes its time. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What a thread of the service measures of itself. Labels are few and fixed: never a tenant, a template, an address or an id. */
export type Metrics = ReturnType<typeof openMetrics>;

/** `process`: with Node's own, which stand once for all threads; of heap, collections and event loop they tell this thread's. */
export function openMetrics(options: { readonly process: boolean } = { process: true }) {
  const registry = new Registry();
  if (options.process) collectDefaultMetrics({ register: registry, prefix: 'tidings_process_' });
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]): Histogram<L> =>
    new Histogram({ name, help, labelNames, registers, buckets: SECONDS });

  return {
    registry,
    accepted: counter('tidings_accept_recipients_total', 'Recipients of requests, by verdict', ['outcome']),
    planned: counter('tidings_plan_deliveries_total', 'Deliveries planned, by outcome or the code that stopped them', ['outcome']),
    handedOff: counter('tidings_handoff_messages_total', 'Messages handed to a provider, by its answer', ['provider', 'outcome']),
    providerCall: histogram('tidings_provider_call_seconds', 'Duration of a call of a provider (one sub-batch)', ['provider']),
    breakerOpen: gauge('tidings_provider_breaker_open', '1 while a provider is passed over', ['provider']),
    dropped: counter('tidings_dispatch_dropped_total', 'Work dropped to be claimed again: conflicts, claims without time left', ['why']),
    feedback: counter('tidings_feedback_total', 'Engagement recorded, by kind', ['kind']),
    actions: counter('tidings_actions_total', 'Actions carried out, failed or parked, by kind', ['kind', 'outcome']),
    actionGroup: histogram('tidings_action_group_seconds', 'Duration of carrying out a claimed group', ['kind']),
    actionsDue: gauge('tidings_actions_due', 'Actions that are due (beyond 10,000 counted twice a minute, up to 5,000,001)', []),
    actionsParked: gauge('tidings_actions_parked', 'Actions set aside after too many tries', []),
    storeAppend: histogram('tidings_store_append_seconds', 'Duration of one call of the store', []),
    storeEvents: counter('tidings_store_events_total', 'Events appended', []),
    storeBytes: counter('tidings_store_bytes_total', 'Bytes appended, data and metadata', []),
    storeFailures: counter(
      'tidings_store_failures_total',
      'Calls of the store that failed and were sent again, by SQLSTATE or system code',
      ['code'],
    ),
    consumerEvents: counter('tidings_consumer_events_total', 'Events applied by this process', ['consumer']),
    consumerBatch: histogram('tidings_consumer_batch_seconds', 'Duration of applying a batch of events', ['consumer']),
    consumerLag: gauge('tidings_consumer_lag_seconds', 'Seconds since the consumer was last at the head', ['consumer']),
    consumerRate: gauge('tidings_consumer_rate', 'Events a second of late', ['consumer']),
    consumerParked: gauge('tidings_consumer_parked', 'Events set aside, with those that wait behind them', ['consumer']),
    consumerErrors: counter('tidings_consumer_errors_total', 'Errors of consumers, by our own code', ['consumer', 'code']),
    requests: histogram('tidings_http_request_seconds', 'Duration of requests', ['operation', 'status']),
    limitRefused: counter('tidings_limit_refused_total', 'Requests refused because a limit was exceeded', ['limit']),
    limitUncounted: counter('tidings_limit_uncounted_total', 'Requests that nobody could count, by what became of them', ['outcome']),
    limitCheck: histogram('tidings_limit_check_seconds', 'Duration of counting a request', []),
    limitRedisAway: gauge('tidings_limit_redis_away', '1 while Redis does not answer', []),
    auditLost: counter('tidings_audit_lost_total', 'Rejections that could not be written to the audit', []),
  };
}

/** What one thread of the process has measured, as it is sent to another. */
export type Measured = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** Prometheus text of what this thread measured, and of the others in sum. */
export async function metricsText(
  { registry }: Metrics,
  others: readonly Measured[],
): Promise<{ readonly type: string; readonly text: string }> {
  // What stands once for the whole process would be left out of a sum.
  const whole = others.map((list) => list.map((it) => (it.aggregator === 'omit' ? { ...it, aggregator: 'first' as const } : it)));
  const all = others.length === 0 ? registry : AggregatorRegistry.aggregate([await registry.getMetricsAsJSON(), ...whole]);
  return { type: all.contentType, text: await all.metrics() };
}
