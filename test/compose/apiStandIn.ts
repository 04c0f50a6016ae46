import { inThread } from '../../src/adapters/threads/inThread.ts';
import type { ApiThreadData, FromApiThread, ToApiThread } from '../../src/compose/startApiThread.ts';

// Stands in for the thread that serves the API; its version says what it is to do.
const { data, tell, onMessage, leave } = inThread<ApiThreadData, ToApiThread, FromApiThread>();
const what = data.about.version;
onMessage((message) => {
  if (message.kind === 'lives') tell({ kind: 'measure' });
  if (message.kind === 'measured') {
    tell({ kind: 'ready', served: { port: message.measured.length, url: '', localUrl: '', outboxLink: data.config.roles.join() } });
    if (what === 'ends') setTimeout(leave, 20);
  }
  if (message.kind === 'stop') {
    tell({ kind: 'stopped', failed: what === 'does not close' ? ['http'] : [] });
    leave();
  }
});
if (what === 'refuses') {
  tell({ kind: 'refused', error: { kind: 'invalid', code: 'port_forbidden', message: 'is not for this user' } });
  leave();
} else if (what === 'ends early') leave();
else tell({ kind: 'live' });
