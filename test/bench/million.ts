import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { runBigBatch } from '../support/bigBatch.ts';
import { smtpSink, smtpSinkPath } from '../support/smtpSink.ts';
import { inScratch } from '../support/scratch.ts';
import { FROM } from './mail.ts';
import { figure, introduce, must, optionsOf, say } from './rounds.ts';
import { startMailCounter } from './mailCounter.ts';

/**
 * One batch to a million people through the real program on its embedded database: how long, how fast at the end as at the beginning, how
 * much memory. `--kill`: SIGKILL in the middle, restart, the same upload again, and who got what (by a mail server of our own, since
 * smtp-sink does not tell). `--profile`: a CPU profile of each thread of the program in `<temporary files>/tidings-profiles`.
 */
const options = optionsOf({ recipients: 1_000_000, kill: 0, connections: 4, pipeline: 16, profile: 0 });
const { recipients, connections, pipeline } = options;
const kill = options.kill === 1;
const bench = kill ? 'million-kill' : 'million';
/** Mails that one crash may double. */
const window = connections * pipeline;
const LOOK_MS = 20;

introduce(bench, `${String(recipients)} recipients, ${String(connections)} connections with a pipeline of ${String(pipeline)} each`);
const path = smtpSinkPath();
const own = kill || path === undefined ? await startMailCounter() : undefined;
if (!kill && own !== undefined)
  say('=== smtp-sink is not on this machine (Debian: apt-get install postfix): a mail server of our own takes its place');
const foreign = own === undefined ? await smtpSink(path ?? '') : undefined;
const arrived = (): number => own?.mails() ?? foreign?.count() ?? 0;

/** When the first mail, and each tenth, had arrived. */
const tenths: number[] = [];
const looking = setInterval(() => {
  const mails = arrived();
  for (; tenths.length <= 10 && mails >= Math.max(1, (tenths.length * recipients) / 10);) tenths.push(performance.now());
}, LOOK_MS);

await inScratch('bench', async (scratch) => {
  const smtp = new URLSearchParams({ connections: String(connections), pipeline: String(pipeline), ...(kill && { deadline: '5000' }) });
  const { uploadedMs, arrivedMs, shownMs, peakBytes, cpuMs, metrics, batch, bad } = await runBigBatch({
    recipients,
    dataDir: join(scratch, 'data'),
    env: {
      NODE_ENV: 'development',
      EMAIL_PROVIDERS: 'smtp',
      EMAIL_FROM: FROM,
      SMTP_URL: `smtp://127.0.0.1:${String(own?.port ?? foreign?.port ?? 0)}?${smtp.toString()}`,
    },
    nodeArgs: options.profile === 1 ? ['--cpu-prof', `--cpu-prof-dir=${join(tmpdir(), 'tidings-profiles')}`] : [],
    arrived,
    ...(kill && { killAt: Math.floor(recipients / 2) }),
    deadlineMs: 120_000 + recipients * 10,
    onProgress: (what) => say(`  ${what}`),
  });
  clearInterval(looking);
  const told = (name: string, value: number, unit: string, goal?: string): void => figure(bench, name, value, unit, goal);
  told('uploaded', uploadedMs / 1000, 's');
  told('arrived', arrivedMs / 1000, 's');
  told('shown', shownMs / 1000, 's');
  told('rate', recipients / (arrivedMs / 1000), 'mails/s');
  told('peak memory of the process', peakBytes / 1e6, 'MB', 'at most 400');
  if (!kill) {
    const lasted = (tenth: number): number => (tenths[tenth] ?? 0) - (tenths[tenth - 1] ?? 0);
    say(`  mails/s by tenths: ${Array.from({ length: 10 }, (_, at) => Math.round(recipients / 10 / (lasted(at + 1) / 1000))).join(', ')}`);
    told('rate of the last tenth ÷ the first', lasted(1) / lasted(10), '', 'at least 0.95');
    // While the upload goes on it takes a part of the machine: what slows down is seen from its end on.
    const uploadedAt = (tenths[10] ?? 0) - arrivedMs + uploadedMs;
    const quiet = tenths.findIndex((at, tenth) => tenth > 0 && (tenths[tenth - 1] ?? 0) >= uploadedAt && at > 0);
    if (quiet > 0 && quiet < 10)
      told(`rate of the last tenth ÷ the first after the upload (${String(quiet)})`, lasted(quiet) / lasted(10), '', 'at least 0.95');
    told('processor', (1000 * cpuMs) / recipients, 'µs/recipient');
  }
  const stored = metrics['tidings_store_bytes_total'] ?? 0;
  told('events', metrics['tidings_store_events_total'] ?? 0, 'events');
  told('bytes of events', stored / recipients, 'B/recipient');
  for (const [name, metric] of Object.entries({
    appends: 'tidings_store_append_seconds',
    'calls of the provider': 'tidings_provider_call_seconds',
    'batches of consumers': 'tidings_consumer_batch_seconds',
  })) {
    // prettier-ignore
    const of = (part: string): number =>
      Object.entries(metrics).reduce((all, [key, value]) => (key.startsWith(`${metric}_${part}`) ? all + value : all), 0);
    told(name, of('count'), 'calls');
    told(`${name}, each`, (1000 * of('sum')) / of('count'), 'ms');
  }
  const doubled = arrived() - recipients;
  must(batch.outcomes.sent === recipients, `the read model shows everybody as sent: ${JSON.stringify(batch.outcomes)}`);
  if (own === undefined) must(doubled === 0, 'as many mails as people');
  else {
    told('doubled', doubled, 'mails', `at most ${String(kill ? window : 0)}`);
    must(own.people() === recipients, 'everybody was mailed');
    must(doubled <= (kill ? window : 0), 'no more is doubled than was in flight');
  }
  must(bad.length === 0, `the service logs no error: ${JSON.stringify(bad.slice(0, 3))}`);
});
await own?.close();
await foreign?.close();
