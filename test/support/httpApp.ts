import { createApp } from '../../src/http/app.ts';
import type { AppPorts, Pages } from '../../src/http/app.ts';
import { ADMISSION, createAdmission } from '../../src/http/admission.ts';
import type { AdmissionLimits } from '../../src/http/admission.ts';
import { createAuthentication } from '../../src/http/auth.ts';
import { createCursors } from '../../src/http/cursor.ts';
import type { Operation } from '../../src/http/operation.ts';
import type { LoadGauges, Served, TokenVerifier } from '../../src/http/ports.ts';
import type { KeyGrant } from '../../src/projections/tenants/queries.ts';
import { createRateLimits } from '../../src/http/rateLimits.ts';
import type { Limiter, RateLimitSizes } from '../../src/http/rateLimits.ts';
import { createChecks } from '../../src/http/validation.ts';
import { WIRE } from '../../src/http/wire.ts';
import type { WireLimits } from '../../src/http/wire.ts';
import { memoryLimiter } from '../../src/adapters/limits/memoryLimiter.ts';
import { listen, LISTENER } from '../../src/adapters/http/listen.ts';
import type { Listener, ListenerSettings } from '../../src/adapters/http/listen.ts';
import { SCOPES } from '../../src/domain/tenant/events.ts';
import { trusted } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { manualClock } from './manualClock.ts';
import type { ManualClock } from './manualClock.ts';

export const ALL_KEY = 'tk_all_scopes';

export type HttpApp = {
  readonly url: string;
  readonly listener: Listener;
  readonly clock: ManualClock;
  readonly served: Served[];
  readonly failures: unknown[];
  readonly audit: object[];
  readonly load: { bytesWaiting: number; actionsDue: number; eventLoopDelayMs: number };
  readonly keys: Map<string, KeyGrant>;
  /** What was asked of the key ring. */
  readonly asked: string[];
  readonly waits: { position: string; projections: readonly string[] }[];
  /** What was refused by a limit, or not counted. */
  readonly limited: string[];
  /** `fetch` with the key of all scopes, unless the call brings its own header field. */
  readonly call: (path: string, init?: RequestInit & { readonly key?: string | null }) => Promise<Response>;
};

export type HttpAppOptions = {
  readonly operations: readonly Operation[] | ((ports: AppPorts) => readonly Operation[]);
  readonly pages?: readonly Pages[];
  readonly tokens?: TokenVerifier;
  readonly limits?: Partial<WireLimits>;
  readonly admission?: Partial<AdmissionLimits>;
  readonly listener?: Partial<ListenerSettings>;
  /** None, unless it is given. */
  readonly rateLimits?: Partial<RateLimitSizes>;
  /** By the clock of the test, unless another is given. */
  readonly limiter?: Limiter;
  /** Whether the read models have caught up. */
  readonly caughtUp?: () => boolean;
};

export const grant = (it: Partial<KeyGrant> = {}): KeyGrant => ({
  id: 'key-1',
  tenant: trusted('default'),
  scopes: SCOPES,
  mode: 'live',
  ...it,
});

const running: Listener[] = [];
export async function stopHttpApps(): Promise<void> {
  await Promise.all(running.splice(0).map((it) => it.drain(500)));
}

/** The real application on a free port, with everything behind it faked. */
export async function httpApp(options: HttpAppOptions): Promise<HttpApp> {
  const clock = manualClock('2026-03-01T12:00:00.000Z' as Instant);
  const load = { bytesWaiting: 0, actionsDue: 0, eventLoopDelayMs: 0 };
  const gauges: LoadGauges = {
    bytesWaiting: () => load.bytesWaiting,
    actionsDue: () => load.actionsDue,
    eventLoopDelayMs: () => load.eventLoopDelayMs,
  };
  const keys = new Map<string, KeyGrant>([[ALL_KEY, grant()]]);
  const asked: string[] = [];
  const served: Served[] = [];
  const failures: unknown[] = [];
  const audit: object[] = [];
  const waits: { position: string; projections: readonly string[] }[] = [];
  const limited: string[] = [];
  let ids = 0;
  const ports: AppPorts = {
    authenticate: createAuthentication({
      keys: {
        find: async (secret) => {
          asked.push(secret);
          return keys.get(secret);
        },
      },
      clock,
      nameOf: async (_tenant, sub) => `hashed-${sub.length}`,
      ...(options.tokens !== undefined && { tokens: options.tokens }),
    }),
    admission: createAdmission(gauges, { ...ADMISSION, ...options.admission }, clock),
    rateLimits: createRateLimits(
      options.limiter ?? memoryLimiter(() => clock.epochMs()),
      { key: 0, tenant: 0, keyCommands: 0, tenantCommands: 0, credentials: 0, ...options.rateLimits },
      { refused: (limit) => void limited.push(limit), uncounted: (outcome) => void limited.push(outcome) },
    ),
    cursors: createCursors(Buffer.from('a key of the test')),
    waitFor: {
      reached: async (position, projections) => {
        waits.push({ position, projections });
        return options.caughtUp?.() ?? true;
      },
    },
    time: clock,
    clock,
    audit: {
      access: async (tenant, entry) => void audit.push({ kind: 'access', tenant, ...entry }),
      administration: async (tenant, entry) => void audit.push({ kind: 'administration', tenant, ...entry }),
      rejected: (tenant, entry) => void audit.push({ kind: 'rejected', tenant, ...entry }),
    },
    checks: createChecks(),
    limits: { ...WIRE, ...options.limits },
    checkAnswers: true,
    ids: { uuid: () => `request-${++ids}` },
    log: { begin: () => (it) => void served.push(it), failed: (error) => void failures.push(error) },
  };
  const operations = typeof options.operations === 'function' ? options.operations(ports) : options.operations;
  const app = createApp(operations, options.pages ?? [], ports);
  const listener = await listen(app, { host: '127.0.0.1', port: 0, ...LISTENER, ...options.listener });
  running.push(listener);
  const url = `http://127.0.0.1:${listener.port}`;
  return {
    url,
    listener,
    clock,
    served,
    failures,
    audit,
    load,
    keys,
    asked,
    waits,
    limited,
    call: (path, { key = ALL_KEY, headers, ...init } = {}) =>
      fetch(`${url}${path}`, {
        redirect: 'manual',
        ...init,
        headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...(headers as Record<string, string> | undefined) },
      }),
  };
}
