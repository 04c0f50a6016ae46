import { PortError } from '../../domain/kernel/portError.ts';
import type { RequestLog } from '../../http/ports.ts';
import { monotonicMs } from '../clock/monotonic.ts';
import type { Log } from './log.ts';

/** Requests in the log and the metrics. `observe`: the operation's name, the status, and the seconds that it took. */
export function requestLog(log: Log, observe: (operation: string, status: number, seconds: number) => void): RequestLog {
  return {
    begin: () => {
      const began = monotonicMs();
      return ({ operation, method, status, requestId, tenant, code }) => {
        const durationMs = monotonicMs() - began;
        observe(operation, status, durationMs / 1000);
        log.debug('request', {
          name: operation,
          method,
          status,
          requestId,
          durationMs: Math.round(durationMs),
          ...(tenant && { tenant }),
          ...(code && { code }),
        });
      };
    },
    failed: (error, requestId) => {
      // In an outage every caller is put off and comes again, and whoever lost the database tells of it: only a bug is an error.
      if (error instanceof PortError && error.kind === 'unavailable') log.warn('a request was put off', { error, requestId });
      else log.error('a request failed', { error, requestId });
    },
  };
}
