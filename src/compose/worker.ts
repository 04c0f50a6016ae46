import type { Providers } from '../processes/dispatch/ports.ts';
import type { Closing } from './closing.ts';
import type { Core } from './core.ts';
import { startDelivery } from './delivery.ts';
import { startHousekeeping } from './housekeeping.ts';
import { openProviders } from './providers.ts';

/** `leaseMs`: of a claim, where it is not the usual time; `providers`: where they are not those of the configuration alone. */
export type WorkerOptions = { readonly leaseMs?: number; readonly providers?: Providers };

/** Claims, plans and hands off, until closed, and removes what has run out; what is in work has half of `shutdownMs` to end. */
export async function startWorker(core: Core, closing: Closing, options: WorkerOptions = {}): Promise<void> {
  const { config, log } = core;
  const { providers = observedProviders(core, closing), ...timing } = options;
  const drainer = await startDelivery({ ...core, ...timing, providers, allowlist: config.allowlist, worker: core.holder });
  closing.add('drainer', async () => {
    const left = await drainer.stop(Math.floor(config.shutdownMs / 2));
    if (left > 0) log.warn('groups were left to be recovered', { count: left });
  });
  startHousekeeping(core, closing);
}

/** The providers of the configuration; log and metrics tell how they are. */
export const observedProviders = ({ config, captures, feedback, clock, log, metrics }: Core, closing: Closing): Providers =>
  openProviders(
    {
      config,
      captures,
      sink: feedback,
      clock,
      onError: (error) => {
        log.warn('a provider failed', { error });
      },
      onBreaker: (provider, open) => {
        metrics.breakerOpen.set({ provider }, open ? 1 : 0);
        log.warn('a provider is passed over, or taken again', { provider, state: open ? 'open' : 'closed' });
      },
    },
    closing,
  );
