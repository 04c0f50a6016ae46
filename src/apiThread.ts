import { endOnFault } from './adapters/logging/endOnFault.ts';
import { openLog } from './adapters/logging/log.ts';
import { openMetrics } from './adapters/metrics/metrics.ts';
import { inThread } from './adapters/threads/inThread.ts';
import type { ApiThreadData, FromApiThread, ToApiThread } from './compose/startApiThread.ts';
import { loggedClosing } from './compose/closing.ts';
import { openCore } from './compose/core.ts';
import { startHttp } from './compose/http.ts';
import { measuring } from './compose/measuring.ts';
import { secretsOf } from './compose/secrets.ts';
import { PortError } from './domain/kernel/portError.ts';

// The program of the thread that serves the API (compose/startApiThread.ts).
const { data, tell, onMessage, leave } = inThread<ApiThreadData, ToApiThread, FromApiThread>();
const { config, places, about } = data;
const log = openLog(config.logLevel);
endOnFault(log);
const opened = loggedClosing(log);

let elsewhere: ReturnType<typeof measuring> | undefined;

async function stop(): Promise<void> {
  tell({ kind: 'stopped', failed: await opened.all() });
  leave();
}

onMessage((message) => {
  if (message.kind === 'stop') void stop();
  else elsewhere?.told(message.measured);
});

try {
  const core = await openCore({ config, secrets: secretsOf(config), places, metrics: openMetrics({ process: false }), log }, opened);
  elsewhere = measuring(() => tell({ kind: 'measure' }), core.clock);
  tell({ kind: 'ready', served: await startHttp(core, about, opened, elsewhere.of) });
} catch (error) {
  await opened.all();
  if (!(error instanceof PortError)) throw error;
  tell({ kind: 'refused', error: { kind: error.kind, code: error.code, message: error.message } });
  leave();
}
