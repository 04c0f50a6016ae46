import { endOnFault } from './adapters/logging/endOnFault.ts';
import { openLog } from './adapters/logging/log.ts';
import { openMetrics, type Measured } from './adapters/metrics/metrics.ts';
import { inThread } from './adapters/threads/inThread.ts';
import type { ApiThreadData, FromApiThread, ToApiThread } from './compose/apiThread.ts';
import { loggedClosing } from './compose/closing.ts';
import { openCore } from './compose/core.ts';
import { startHttp } from './compose/http.ts';
import type { MeasuredElsewhere } from './compose/observing.ts';
import { secretsOf } from './compose/secrets.ts';
import { PortError } from './domain/kernel/portError.ts';

// The program of the thread that serves the API (compose/apiThread.ts).
const { data, tell, onMessage, leave } = inThread<ApiThreadData, ToApiThread, FromApiThread>();
const { config, places, about } = data;
const log = openLog(config.logLevel);
endOnFault(log);
const opened = loggedClosing(log);

const asked: ((measured: Measured) => void)[] = [];
const measuredElsewhere: MeasuredElsewhere = async () => {
  tell({ kind: 'measure' });
  return [await new Promise<Measured>((resolve) => void asked.push(resolve))];
};

async function stop(): Promise<void> {
  tell({ kind: 'stopped', failed: await opened.all() });
  leave();
}

onMessage((message) => {
  if (message.kind === 'stop') void stop();
  else for (const answer of asked.splice(0)) answer(message.measured);
});

try {
  const core = await openCore({ config, secrets: secretsOf(config), places, metrics: openMetrics({ process: false }), log }, opened);
  tell({ kind: 'ready', served: await startHttp(core, about, opened, measuredElsewhere) });
} catch (error) {
  await opened.all();
  if (!(error instanceof PortError)) throw error;
  tell({ kind: 'refused', error: { kind: error.kind, code: error.code, message: error.message } });
  leave();
}
