import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runBigBatch } from '../support/bigBatch.ts';
import { smtpLedger } from '../support/smtpLedger.ts';
import { smtpSink, smtpSinkPath } from '../support/smtpSink.ts';

/**
 * One message to many people, by SMTP, on the embedded database (or DATABASE_URL): time, rate, memory, and proof that everybody got it.
 * `batch [recipients] [--kill] [--smtp-sink] [--profile] [--connections=4] [--pipeline=16]`; `--kill`: SIGKILL in the middle, restart, and a ledger of who was mailed.
 */
const flags = new Set(process.argv.slice(2).filter((arg) => arg.startsWith('--')));
const recipients = Number(process.argv.slice(2).find((arg) => /^\d+$/.test(arg)) ?? 100_000);
const kill = flags.has('--kill');
const option = (name: string, fallback: number): number =>
  Number([...flags].find((flag) => flag.startsWith(`--${name}=`))?.split('=')[1] ?? fallback);
const [connections, depth] = [option('connections', 4), option('pipeline', 16)];
/** Mails that one crash may double. */
const window = connections * depth;

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const figure = (name: string, value: number, unit: string): void => {
  say(`  ${name.padEnd(28)} ${String(Math.round(value * 100) / 100)} ${unit}`);
  process.stdout.write(`${JSON.stringify({ bench: kill ? 'batch-kill' : 'batch', figure: name, value, unit, recipients })}\n`);
};

const sinkPath = smtpSinkPath();
const ledger = flags.has('--smtp-sink') && !kill ? undefined : await smtpLedger();
if (ledger === undefined && sinkPath === undefined) throw new Error('there is no smtp-sink on this machine');
const sink = ledger ?? (await smtpSink(sinkPath ?? ''));
const dataDir = mkdtempSync(join(tmpdir(), 'tidings-bench-'));
const { DATABASE_URL, DATABASE_MIGRATION_URL } = process.env;
const smtp = new URLSearchParams({ connections: String(connections), pipeline: String(depth), ...(kill && { deadline: '5000' }) });
try {
  say(`${String(recipients)} recipients, window ${String(window)}${kill ? ', killed in the middle' : ''}`);
  const result = await runBigBatch({
    recipients,
    dataDir,
    env: {
      NODE_ENV: 'development',
      EMAIL_PROVIDERS: 'smtp',
      EMAIL_FROM: 'News <news@example.com>',
      SMTP_URL: `smtp://127.0.0.1:${String(sink.port)}?${smtp.toString()}`,
      ...(DATABASE_URL !== undefined && { DATABASE_URL }),
      ...(DATABASE_MIGRATION_URL !== undefined && { DATABASE_MIGRATION_URL }),
    },
    nodeArgs: flags.has('--profile') ? ['--cpu-prof', `--cpu-prof-dir=${join(tmpdir(), 'tidings-profiles')}`] : [],
    arrived: sink.count,
    ...(kill && { killAt: Math.floor(recipients / 2) }),
    deadlineMs: 120_000 + recipients * 10,
    onProgress: say,
  });
  const { metrics } = result;
  figure('uploaded', result.uploadedMs / 1000, 's');
  figure('arrived', result.arrivedMs / 1000, 's');
  figure('shown', result.shownMs / 1000, 's');
  figure('rate', recipients / (result.arrivedMs / 1000), 'mails/s');
  if (!kill) figure('processor', (1000 * result.cpuMs) / recipients, 'µs/recipient');
  figure('peak-memory', result.peakBytes / 2 ** 20, 'MiB');
  figure('events', metrics['tidings_store_events_total'] ?? 0, 'events');
  figure('log-bytes', (metrics['tidings_store_bytes_total'] ?? 0) / 2 ** 20, 'MiB');
  figure('bytes-per-recipient', (metrics['tidings_store_bytes_total'] ?? 0) / recipients, 'B');
  for (const [name, metric] of Object.entries({
    append: 'tidings_store_append_seconds',
    'provider-call': 'tidings_provider_call_seconds',
  })) {
    const [sum, count] = ['sum', 'count'].map((part) =>
      Object.entries(metrics)
        .filter(([key]) => key.startsWith(`${metric}_${part}`))
        .reduce((all, [, value]) => all + value, 0),
    );
    figure(`${name}s`, count ?? 0, 'calls');
    figure(`${name}-mean`, (1000 * (sum ?? 0)) / (count ?? 1), 'ms');
  }
  figure('mails-taken', sink.count(), 'mails');
  say(`  outcomes ${JSON.stringify(result.batch.outcomes)}`);
  if (ledger !== undefined) {
    const doubled = sink.count() - ledger.taken.size;
    figure('distinct-recipients', ledger.taken.size, 'people');
    figure('doubled', doubled, 'mails');
    if (ledger.taken.size !== recipients) throw new Error('somebody was not mailed');
    if (doubled > (kill ? window : 0)) throw new Error('more mails were doubled than were in flight');
  }
  if (result.bad.length > 0) throw new Error(`the service logged errors: ${JSON.stringify(result.bad)}`);
} finally {
  await sink.close();
  rmSync(dataDir, { recursive: true, force: true });
}
