import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { clientOf, type Client } from './client.ts';
import { follow, type Following } from './follow.ts';
import { freshDatabase, type FreshDatabase } from './postgres.ts';
import { startProgram, type LogLine, type Program } from './program.ts';
import { removeDataDirs } from './removeDataDirs.ts';

type Env = Readonly<Record<string, string>>;
export type ServiceOptions = {
  /** Where it depends on what a test starts first (a mail server's port), a function. */
  readonly env?: Env | (() => Env);
  /** The default is a database of the test server; `embedded` is what `npm start` uses. */
  readonly database?: 'server' | 'embedded';
  /** What Node is told before it is told the program. */
  readonly nodeArgs?: readonly string[];
  /** Runs before the service starts and after it has ended: servers that it speaks to. */
  readonly before?: () => Promise<void>;
  readonly after?: () => Promise<void>;
};

/** The whole service as a process of its own, for all tests of a file. */
export type Service = Client &
  Following & {
    readonly url: string;
    readonly key: string;
    readonly dataDir: string;
    readonly program: () => Program;
    readonly database: () => FreshDatabase;
    /** Another key; without one nothing is sent along. */
    readonly as: (key: string | undefined) => Client;
    readonly log: () => readonly LogLine[];
    /** Lines at the level error that a test is about, by their fixed text. */
    readonly expectErrors: (...messages: readonly string[]) => void;
    readonly stop: (signal?: 'SIGTERM' | 'SIGINT') => Promise<number | null>;
    readonly kill: () => Promise<void>;
    /** Starts it again over the same data; `more` is added to its environment from now on. */
    readonly restart: (more?: Env) => Promise<void>;
  };

/** Starts the service before the tests of a file and stops it after them; a test whose service logged an error fails. */
export function serviceForSuite(options: ServiceOptions = {}): Service {
  let database: FreshDatabase | undefined;
  let program: Program | undefined;
  let dataDir = '';
  let more: Env = {};
  let seen = 0;
  const expected = new Set<string>();

  const current = (): Program => {
    if (program === undefined) throw new Error('the service has not been started');
    return program;
  };
  const places = (): Env => (database === undefined ? {} : { DATABASE_URL: database.url, DATABASE_MIGRATION_URL: database.ownerUrl });
  const start = async (): Promise<void> => {
    const own = typeof options.env === 'function' ? options.env() : options.env;
    program = await startProgram({ dataDir, env: { ...places(), ...own, ...more }, nodeArgs: options.nodeArgs ?? [] });
    seen = 0;
  };
  const unexpected = (): readonly LogLine[] => {
    const bad = current().faults();
    const fresh = bad.slice(seen).filter(({ msg }) => !expected.has(msg));
    seen = bad.length;
    return fresh.slice(0, 3);
  };

  beforeAll(async () => {
    await options.before?.();
    if (options.database !== 'embedded') database = await freshDatabase();
    dataDir = mkdtempSync(join(tmpdir(), 'tidings-e2e-'));
    await start();
  });
  afterEach(() => {
    if (program !== undefined) expect(unexpected()).toStrictEqual([]);
  });
  afterAll(async () => {
    try {
      if (program?.isRunning() === true) expect(await program.stop()).toBe(0);
      if (program !== undefined) expect(unexpected()).toStrictEqual([]);
    } finally {
      await program?.kill();
      await options.after?.();
      await database?.close();
      removeDataDirs(dataDir);
    }
  });

  const client = clientOf(
    () => current().url,
    () => current().key,
  );
  return {
    ...client,
    ...follow(client),
    get url() {
      return current().url;
    },
    get key() {
      return current().key;
    },
    get dataDir() {
      return dataDir;
    },
    program: current,
    database: () => {
      if (database === undefined) throw new Error('the service has its embedded database');
      return database;
    },
    as: (key) => clientOf(() => current().url, key === undefined ? undefined : () => key),
    log: () => current().log(),
    expectErrors: (...messages) => {
      for (const message of messages) expected.add(message);
    },
    stop: (signal) => current().stop(signal),
    kill: () => current().kill(),
    restart: async (added = {}) => {
      more = { ...more, ...added };
      await current().kill();
      await start();
    },
  };
}

/** A message that needs nothing declared beforehand. */
export const message = (recipients: readonly unknown[], more: object = {}): object => ({
  type: 'order_confirmation',
  category: 'transactional',
  recipients,
  content: { subject: 'Order {{ orderNumber }}', html: '<p>Hi {{ name }}, thank you for {{ orderNumber }}.</p>' },
  variables: { name: 'Ana', orderNumber: 'A-1' },
  ...more,
});
