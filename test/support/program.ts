import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withEventStore } from './eventStoreEnv.ts';

/** One line of the program's log; `level` of pino, or `fatal` for what is no line of the log (a stack trace, say). */
export type LogLine = { readonly level: string; readonly msg: string; readonly [field: string]: unknown };

export type ProgramOptions = {
  readonly dataDir: string;
  /** Added to a small environment: nothing of this process's own reaches the program. */
  readonly env?: Readonly<Record<string, string>>;
  /** Before the entry: `--cpu-prof`, say. */
  readonly nodeArgs?: readonly string[];
  readonly args?: readonly string[];
  /** Another program than the service's own. */
  readonly entry?: string;
  /** Told the process's id at once, before it is ready. */
  readonly onSpawn?: (pid: number) => void;
};

export type Program = {
  /** Of the API, or, without the role `api`, of health and metrics alone. */
  readonly url: string;
  readonly pid: number;
  /** Of the tenant `default`, with all scopes. */
  readonly key: string;
  readonly stdout: () => string;
  readonly log: () => readonly LogLine[];
  /** Of the log what tells of a fault: the levels error and fatal. */
  readonly faults: () => readonly LogLine[];
  readonly isRunning: () => boolean;
  /** Asks it to end and waits until it has; answers the exit status. */
  readonly stop: (signal?: 'SIGTERM' | 'SIGINT') => Promise<number | null>;
  /** Ends it at once (SIGKILL), with all that it had under way. */
  readonly kill: () => Promise<void>;
};

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const READY = /^tidings ready (http:\/\/\S+)(?: \(.*\))?$/m;
const READY_MS = 240_000;

/** What `npm start` tells Node: the program under test runs as it does for everybody. */
const START = /node (?<flags>(?:--\S+ )*)scripts/.exec(String(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts.start));
const FLAGS = (START?.groups?.['flags'] ?? '').split(' ').filter((flag) => flag !== '');

/** The entry: the sources, or what PROGRAM_UNDER_TEST names (a built or a broken one). Another program takes what is built too, where it is. */
function commandLine({ nodeArgs = [], args = [], entry: other }: ProgramOptions): readonly string[] {
  const underTest = process.env['PROGRAM_UNDER_TEST'];
  const entry = other ?? underTest ?? join(ROOT, 'src/main.ts');
  const isBuilt = underTest === join(ROOT, 'dist/main.js');
  const loaders = !entry.endsWith('.ts') ? [] : ['tsx', ...(isBuilt ? [join(ROOT, 'scripts/builtSources.mjs')] : [])];
  const loader = loaders.flatMap((it) => ['--import', it]);
  return [...FLAGS, ...nodeArgs, ...loader, entry, ...args];
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function launch(options: ProgramOptions) {
  const child = spawn(process.execPath, commandLine(options), {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TZ: 'UTC',
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: '0',
      TIDINGS_DATA_DIR: options.dataDir,
      ...withEventStore(options.env ?? {}, options.dataDir),
    },
  });
  running.add(child);
  if (child.pid !== undefined) options.onSpawn?.(child.pid);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (status) => {
      running.delete(child);
      resolve(status);
    });
  });
  return { child, said, ended };
}

/** Progress that is meant for people stands beside the lines of the log; what Node itself says of a crash is taken for the worst. */
function logLine(line: string): LogLine {
  if (line.startsWith('{')) {
    try {
      return JSON.parse(line) as LogLine;
    } catch {
      // falls through: a line of the log is never half a line
    }
  }
  const crashed = /Error\b|^\s+at |^node:|^Node\.js v|Warning:/.test(line);
  return { level: crashed ? 'fatal' : 'info', msg: line };
}

/** Runs the program to its end, for what is no service: a wrong configuration, a command. */
export async function runProgram(options: ProgramOptions): Promise<Ended> {
  const { said, ended } = launch(options);
  return { status: await ended, ...said };
}

/** Starts the program and waits for its ready line. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { child, said, ended } = launch(options);
  let over: number | null | undefined;
  void ended.then((status) => (over = status));
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${why}\n${said.stdout}\n${said.stderr}`));
    };
    const timer = setTimeout(() => fail('the program was not ready in time'), READY_MS);
    child.stdout.on('data', () => {
      const ready = READY.exec(said.stdout);
      if (ready === null) return;
      clearTimeout(timer);
      resolve(ready[1] ?? '');
    });
    void ended.then((status) => fail(`the program ended with ${String(status)} before it was ready`));
  });
  const isRunning = (): boolean => over === undefined;
  const log = (): readonly LogLine[] =>
    said.stderr
      .split('\n')
      .filter((line) => line !== '')
      .map(logLine);
  return {
    url,
    pid: child.pid ?? 0,
    key: options.env?.['TIDINGS_ADMIN_KEY'] ?? readFileSync(join(options.dataDir, 'admin-key'), 'utf8').trim(),
    stdout: () => said.stdout,
    log,
    faults: () => log().filter(({ level }) => level === 'error' || level === 'fatal'),
    isRunning,
    stop: (signal = 'SIGTERM') => {
      if (isRunning()) child.kill(signal);
      return ended;
    },
    kill: async () => {
      if (isRunning()) child.kill('SIGKILL');
      await ended;
    },
  };
}
