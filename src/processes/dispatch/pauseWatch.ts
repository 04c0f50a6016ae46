import { isHeld } from '../../domain/values/batchStatus.ts';
import type { BatchId, TenantId } from '../../domain/values/ids.ts';
import type { Job } from './load.ts';
import type { DispatchPorts } from './ports.ts';

/** A pause is seen this many milliseconds after it was answered, and what is at the provider then is the last to leave. */
const LOOK_MS = 250;

/**
 * Whether a batch of these jobs has been paused or cancelled since its gate was read. A group is handed off for as long as its claim
 * lasts, thousands of messages of one batch among them: nobody who stops a wrong mailing waits for that.
 */
export function pauseWatch({ facts, clock }: Pick<DispatchPorts, 'facts' | 'clock'>, jobs: readonly Job[]): () => Promise<boolean> {
  const watched = new Map<TenantId, Set<BatchId>>();
  for (const { tenant, state } of jobs) {
    const { batch } = state.requested;
    if (batch !== undefined) watched.set(tenant, (watched.get(tenant) ?? new Set()).add(batch.batchId));
  }
  let looked = clock.epochMs();
  return async () => {
    if (watched.size === 0 || clock.epochMs() - looked < LOOK_MS) return false;
    looked = clock.epochMs();
    // Answers wait to be recorded: facts that cannot be read are no reason to lose them, but one to start nothing more.
    const found = await Promise.all([...watched].map(([tenant, ids]) => facts.batches(tenant, [...ids]))).catch(() => undefined);
    return found?.some((states) => [...states.values()].some(({ status }) => isHeld(status))) ?? true;
  };
}
