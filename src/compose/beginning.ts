import { keySecrets } from '../adapters/crypto/keySecrets.ts';
import { tenantCommands } from '../commands/tenants.ts';
import { checkLog } from './checkLog.ts';
import { untilCaughtUp } from './consumers.ts';
import type { Core } from './core.ts';

/** Gives the log its beginning, if it has none, and waits until the read models hold what stands in it, or the signal aborts (untilCaughtUp). */
export async function begin(core: Core, signal?: AbortSignal): Promise<void> {
  const { logged, clock, ids, secrets, databases } = core;
  const ports = { log: logged.log, clock, ids, indexes: logged.keys.indexes, keySecrets };
  await tenantCommands(ports).bootstrap(secrets.adminKey);
  if (databases.log !== undefined) await checkLog(logged.store, databases.models.worker);
  await untilCaughtUp(core, signal);
}
