import { expect, test } from 'vitest';
import { metricsText, openMetrics } from '../../../src/adapters/metrics/metrics.ts';

const linesOf = (text: string, name: string): readonly string[] => text.split('\n').filter((line) => line.startsWith(name));

test('what threads measured each stands there once, in sum, and what is the process’s own as it is', async () => {
  const [own, other] = [openMetrics({ process: false }), openMetrics()];
  own.dropped.inc({ why: 'conflict' }, 2);
  other.dropped.inc({ why: 'conflict' }, 3);
  other.handedOff.inc({ provider: 'smtp', outcome: 'accepted' }, 7);
  own.actionsDue.set(5);
  own.requests.observe({ operation: 'getHealth', status: '200' }, 0.2);
  const { type, text } = await metricsText(own, [await other.registry.getMetricsAsJSON()]);
  expect(type).toBe(other.registry.contentType);
  expect(linesOf(text, 'tidings_dispatch_dropped_total')).toStrictEqual(['tidings_dispatch_dropped_total{why="conflict"} 5']);
  expect(linesOf(text, 'tidings_handoff_messages_total')).toStrictEqual([
    'tidings_handoff_messages_total{provider="smtp",outcome="accepted"} 7',
  ]);
  expect(linesOf(text, 'tidings_actions_due')).toStrictEqual(['tidings_actions_due 5']);
  expect(linesOf(text, 'tidings_http_request_seconds_count')).toStrictEqual([
    'tidings_http_request_seconds_count{operation="getHealth",status="200"} 1',
  ]);
  const alone = await metricsText(other, []);
  for (const name of ['tidings_process_process_start_time_seconds', 'tidings_process_nodejs_version_info'])
    expect([linesOf(text, name).length, linesOf(text, name)]).toStrictEqual([1, linesOf(alone.text, name)]);
});
