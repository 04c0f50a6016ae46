import { requestLog } from '../adapters/logging/requestLog.ts';
import { probes } from '../http/probes.ts';
import type { Closing } from './closing.ts';
import type { Core } from './core.ts';
import { observing, type Phase } from './observing.ts';
import { startListening, type Listening } from './listening.ts';

/**
 * Health and figures of a process without the role `api`. It answers from the start on and until everything else has ended, so that
 * nobody takes one for dead that fills a read model for an hour before it is ready.
 */
export async function startProbes(core: Core, closing: Closing, phase: () => Phase): Promise<Listening> {
  const { config, ids, metrics } = core;
  const log = requestLog(core.log, (operation, status, seconds) => {
    metrics.requests.observe({ operation, status: String(status) }, seconds);
  });
  const { health, metrics: figures } = observing(core, closing, { phase });
  return startListening(config, probes({ health, metrics: figures, ids, log }), closing);
}
