import type { Closing } from './closing.ts';
import type { Core } from './core.ts';
import { startDelivery } from './delivery.ts';
import { openProviders } from './providers.ts';

/** Claims, plans and hands off, until closed; what is in work has the given milliseconds to end. */
export async function startWorker(core: Core, closing: Closing): Promise<void> {
  const { config, captures, feedback, clock, log, metrics } = core;
  const providers = openProviders(
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
  const drainer = await startDelivery({ ...core, providers, allowlist: config.allowlist, worker: core.holder });
  closing.add('drainer', async () => {
    const left = await drainer.stop(Math.floor(config.shutdownMs / 2));
    if (left > 0) log.warn('groups were left to be recovered', { count: left });
  });
}
