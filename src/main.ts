import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { openDataDirectory } from './adapters/secrets/dataDirectory.ts';
import { writeServiceFile } from './adapters/secrets/serviceFile.ts';
import { endOnFault } from './adapters/logging/endOnFault.ts';
import { openLog, type Log } from './adapters/logging/log.ts';
import type { Served } from './compose/http.ts';
import { startService, type Service } from './compose/service.ts';
import { describeProblems, parseConfig, type Config } from './config.ts';
import { PortError } from './domain/kernel/portError.ts';

/** `sysexits.h`: something is wrong with the configuration. */
const EX_CONFIG = 78;

/**
 * Left alone, V8 lets the heaps grow to several times what lives in them as long as the machine has memory to spare: a large batch then held
 * 500 MB, when there was one heap. With less growth the processor pays: at 100 % it was a tenth, at 50 % a fifth. (How much may be young
 * cannot be said here any more: `npm start` and the image say it.)
 */
setFlagsFromString('--heap-growing-percent=70');

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const progress = (text: string): void => void process.stderr.write(`${text}\n`);

async function start(): Promise<void> {
  const parsed = parseConfig(process.env, (path) => readFileSync(path, 'utf8'));
  if ('problems' in parsed) {
    progress(describeProblems(parsed.problems));
    process.exitCode = EX_CONFIG;
    return;
  }
  const { config } = parsed;
  const log = openLog(config.logLevel);
  const ending = new AbortController();
  // In the next tick, so that a signal finds its handler even while the start keeps this thread busy.
  const starting = Promise.resolve().then(() => {
    openDataDirectory(config.dataDir);
    return startService(config, {
      log,
      starting: progress,
      about: { version: version(), checkAnswers: process.env['NODE_ENV'] === 'test' },
      lost: ({ message }) => {
        progress(message);
        process.exit(1);
      },
      ending: ending.signal,
    });
  });
  stopOn(['SIGTERM', 'SIGINT'], { config, starting, log, ending });
  try {
    const service = await starting;
    endOnFault(log);
    if (!ending.signal.aborted) announce(config, service);
  } catch (error) {
    // Nothing is wrong: it was told to end while it waited.
    if (error === ending.signal.reason) return;
    if (!(error instanceof PortError)) throw error;
    progress(error.message);
    process.exitCode = error.kind === 'invalid' ? EX_CONFIG : 1;
  }
}

/** `package.json` lies beside `src/` and `dist/` alike. */
function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '0.0.0';
}

/** Ready is one line; what else is printed is for people. */
function announce(config: Config, { served, secrets }: Service): void {
  if (config.http.orNext && served.port !== config.http.port)
    progress(`port ${String(config.http.port)} is taken; using ${String(served.port)}`);
  if (!('outboxLink' in served)) {
    say(`tidings ready ${served.localUrl} (${config.roles.join(', ')})`);
    return;
  }
  process.on('exit', writeServiceFile(config.dataDir, { url: served.localUrl, pid: process.pid }));
  say(`tidings ready ${served.url}`);
  if (secrets.adminKeyFile !== undefined) say(firstSteps(served, resolve(secrets.adminKeyFile)));
}

const firstSteps = ({ url, outboxLink }: Served, keyFile: string): string => `
See what is sent (this link opens the outbox once):

  ${outboxLink}

Send a first message:

  curl -s ${url}/v1/notifications -H "Authorization: Bearer $(cat '${keyFile}')" -H 'Content-Type: application/json' -d '{"type":"welcome","category":"transactional","recipients":[{"email":"ana@example.com"}],"content":{"subject":"Welcome, {{ name }}","html":"<p>Good to see you, {{ name }}.</p>"},"variables":{"name":"Ana"}}'

The API is described at ${url}/docs
`;

/** Under npm a Ctrl-C reaches us twice: the terminal tells the whole group, and npm passes its own on. That is one wish. */
const ECHO_MS = 1000;

type Stopping = {
  readonly config: Config;
  readonly starting: Promise<Service>;
  readonly log: Log;
  /** Aborted by the first signal. */
  readonly ending: AbortController;
};

/**
 * The first signal drains, also while the service still starts; a second one leaves at once; past the limit the process goes with what
 * is left to be recovered.
 */
function stopOn(signals: readonly NodeJS.Signals[], { config, starting, log, ending }: Stopping): void {
  let stoppingSince: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    if (stoppingSince !== undefined) {
      if (Date.now() - stoppingSince > ECHO_MS) process.exit(130);
      return;
    }
    stoppingSince = Date.now();
    progress(`${signal}: finishing what is under way`);
    ending.abort();
    const overdue = setTimeout(() => {
      log.error('not everything ended in time; the rest is recovered at the next start');
      process.exit(0);
    }, config.shutdownMs);
    void starting
      .then((service) => service.stop())
      .then(
        (failed) => {
          clearTimeout(overdue);
          process.exit(failed.length > 0 ? 1 : 0);
        },
        // What could not start has closed what it had opened; whoever started it says why.
        () => {
          clearTimeout(overdue);
        },
      );
  };
  for (const signal of signals) process.on(signal, stop);
}

const [command = 'start', ...rest] = process.argv.slice(2);
if (command === 'start' && rest.length === 0) await start();
else {
  // Whoever reads our output may have read enough (`| head`).
  process.stdout.on('error', () => process.exit(0));
  const { runCli } = await import('./cli/cli.ts');
  process.exitCode = await runCli(process.argv.slice(2), {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
  });
}
