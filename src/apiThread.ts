import { endOnFault } from './adapters/logging/endOnFault.ts';
import { openLog } from './adapters/logging/log.ts';
import { openMetrics, type Measured } from './adapters/metrics/metrics.ts';
import { inThread } from './adapters/threads/inThread.ts';
import { asking, type OtherThreads } from './compose/asking.ts';
import type { ApiThreadData, FromApiThread, ToApiThread } from './compose/startApiThread.ts';
import { loggedClosing } from './compose/closing.ts';
import { openCore } from './compose/core.ts';
import { startHttp } from './compose/http.ts';
import { secretsOf } from './compose/secrets.ts';
import { PortError } from './domain/kernel/portError.ts';

// The program of the thread that serves the API (compose/startApiThread.ts).
const { data, tell, onMessage, leave } = inThread<ApiThreadData, ToApiThread, FromApiThread>();
const { config, places, about } = data;
const log = openLog(config.logLevel);
endOnFault(log);
const opened = loggedClosing(log);

async function stop(): Promise<void> {
  tell({ kind: 'stopped', failed: await opened.all() });
  leave();
}

onMessage(({ kind }) => {
  if (kind === 'stop') void stop();
});

/** What the other thread answers when it is asked. */
function askOtherThread(time: Parameters<typeof asking>[1]): OtherThreads {
  const life = asking<undefined>(() => tell({ kind: 'live' }), time);
  const measured = asking<Measured>(() => tell({ kind: 'measure' }), time);
  onMessage((message) => {
    if (message.kind === 'lives') life.told(undefined);
    else if (message.kind === 'measured') measured.told(message.measured);
  });
  return { lives: life.answer, measured: async () => [await measured.answer()] };
}

try {
  const core = await openCore({ config, secrets: secretsOf(config), places, metrics: openMetrics({ process: false }), log }, opened);
  tell({ kind: 'ready', served: await startHttp(core, about, opened, askOtherThread(core.clock)) });
} catch (error) {
  await opened.all();
  if (!(error instanceof PortError)) throw error;
  tell({ kind: 'refused', error: { kind: error.kind, code: error.code, message: error.message } });
  leave();
}
