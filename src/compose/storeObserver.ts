import type { StoreObserver } from '../adapters/eventstore/observer.ts';
import type { Log } from '../adapters/logging/log.ts';
import type { Metrics } from '../adapters/metrics/metrics.ts';

/** What the event store does, as metrics and lines of the log. */
export const storeObserver = (metrics: Metrics, log: Log): StoreObserver => ({
  onAppend: ({ events, bytes, ms }) => {
    metrics.storeAppend.observe(ms / 1000);
    metrics.storeEvents.inc(events);
    metrics.storeBytes.inc(bytes);
  },
  onAppendFailure: ({ writes, code }) => {
    metrics.storeFailures.inc({ code });
    log.warn('a call of the store failed and is sent again', { count: writes, code });
  },
  onFeedFailure: ({ code }) => {
    log.warn('the log could not be read and is read again', { code });
  },
});
