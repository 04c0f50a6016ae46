import { inThread } from '../../../src/adapters/threads/inThread.ts';

// A thread for tests: repeats what it is told, leaves when told to, fails when told to.
const { data, tell, onMessage, leave } = inThread<string, string, string>();
tell(data);
onMessage((message) => {
  if (message === 'leave') leave();
  else if (message === 'fail') throw new Error('told to');
  else tell(`${message}!`);
});
