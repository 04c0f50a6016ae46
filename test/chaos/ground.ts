import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newMasterKey } from '../../src/adapters/crypto/masterKeys.ts';
import { startFaultProxy, type FaultProxy } from '../support/faultProxy.ts';
import { startProgram, type Program } from '../support/program.ts';
import { startCluster, type Cluster } from '../support/cluster.ts';
import { newScratch } from '../support/scratch.ts';
import { startSink, type Sink } from '../support/sink.ts';

const UNDER_TEST = fileURLToPath(new URL('serviceUnderTest.ts', import.meta.url));
export const [CONNECTIONS, PIPELINE] = [2, 8];
/** Messages that one crash can double. */
export const WINDOW = CONNECTIONS * PIPELINE;

export type StartOptions = {
  /** `short-leases`: wired for tests, with points and a provider with keys; `real`: the program itself, or what PROGRAM_UNDER_TEST names. */
  readonly as: 'real' | 'short-leases';
  readonly env?: Readonly<Record<string, string>>;
  readonly onSpawn?: (pid: number) => void;
  /** A data directory of its own under this name; otherwise all share one. */
  readonly seat?: string;
};

/** What a run stands on: a Postgres and a sink of its own, and the secrets that every process of the service shares. */
export type Ground = {
  readonly cluster: Cluster;
  /** Between the service and its database, if it was asked for. */
  readonly proxy: FaultProxy | undefined;
  readonly sink: Sink;
  readonly leaseMs: number;
  /** Of the program and of its commands. */
  readonly env: Readonly<Record<string, string>>;
  readonly start: (options: StartOptions) => Promise<Program>;
  readonly close: () => Promise<void>;
};

export type GroundOptions = {
  /** Milliseconds; of the processes with short leases. */
  readonly leaseMs?: number;
  readonly durable?: boolean;
  readonly proxied?: boolean;
  /** Milliseconds that the mail server may take. */
  readonly smtpDeadlineMs?: number;
};

/** Of the program itself, while its providers answer within a third of it (`compose/delivery.ts`). */
export const REAL_LEASE_MS = 30_000;
/** Long enough for a call of a mail server that has the time below, also on a busy machine. */
export const [SHORT_LEASE_MS, SHORT_SMTP_MS] = [8_000, 3_000];

export async function openGround({
  leaseMs = SHORT_LEASE_MS,
  durable = false,
  proxied = false,
  smtpDeadlineMs = SHORT_SMTP_MS,
}: GroundOptions = {}): Promise<Ground> {
  const { scratch, discard } = newScratch('chaos');
  const cluster = await startCluster(scratch, { durable });
  const sink = await startSink();
  const proxy = proxied ? await startFaultProxy({ port: cluster.port }) : undefined;
  const smtp = `connections=${String(CONNECTIONS)}&pipeline=${String(PIPELINE)}&deadline=${String(smtpDeadlineMs)}`;
  const env = {
    NODE_ENV: 'development',
    DATABASE_URL: cluster.url('app', proxy),
    DATABASE_MIGRATION_URL: cluster.url('owner', proxy),
    TIDINGS_ADMIN_KEY: `chaos_${randomBytes(24).toString('base64url')}`,
    TIDINGS_MASTER_KEYS: newMasterKey('chaos'),
    EMAIL_PROVIDERS: 'smtp',
    EMAIL_FROM: 'shop@example.com',
    SMTP_URL: `smtp://127.0.0.1:${String(sink.smtpPort)}?${smtp}`,
  };
  const chaos = { CHAOS_LEASE_MS: String(leaseMs), CHAOS_KEYED_URL: sink.keyedUrl, CHAOS_WINDOW: String(WINDOW) };
  return {
    cluster,
    proxy,
    sink,
    leaseMs,
    env,
    start: async ({ as, env: more = {}, onSpawn, seat = 'tidings' }) =>
      startProgram({
        dataDir: join(scratch, seat),
        env: { ...env, ...(as === 'short-leases' && chaos), ...more },
        ...(as === 'short-leases' && { entry: UNDER_TEST }),
        ...(onSpawn && { onSpawn }),
      }),
    close: async () => {
      await proxy?.close();
      await sink.close();
      await cluster.stop();
      discard();
    },
  };
}

/** For the program as people run it, who have settled what a run has not. */
export const PRODUCTION = { NODE_ENV: 'production', TIDINGS_ALLOW: 'generated-secrets,capture,unencrypted-database' } as const;

/** With the program itself, on a ground of its own. */
export async function withProgram(
  { env = {}, ...options }: GroundOptions & Pick<StartOptions, 'env'>,
  work: (program: Program, ground: Ground) => Promise<void>,
): Promise<void> {
  const ground = await openGround(options);
  try {
    const program = await ground.start({ as: 'real', env });
    try {
      await work(program, ground);
    } finally {
      await program.kill();
    }
  } finally {
    await ground.close();
  }
}
