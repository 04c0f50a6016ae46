import { jwtVerifier } from '../adapters/http/jwtVerifier.ts';
import { unguessable } from '../adapters/secrets/unguessable.ts';
import { redocBundle } from '../adapters/http/redocBundle.ts';
import { keySecrets } from '../adapters/crypto/keySecrets.ts';
import { listen, LISTENER, type Listener } from '../adapters/http/listen.ts';
import { requestLog } from '../adapters/logging/requestLog.ts';
import { parkedActions, retryParkedAction } from '../adapters/postgres/actions/parkedActions.ts';
import { createRenderer } from '../adapters/templating/renderer.ts';
import { askParked, listParked } from '../consumers/parking.ts';
import { requestRebuild } from '../consumers/rebuild.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { DEFAULT_TENANT } from '../domain/tenant/tenant.ts';
import { ADMISSION, createAdmission } from '../http/admission.ts';
import type { Access } from '../http/access.ts';
import { apiOperations } from '../http/api.ts';
import { createApp } from '../http/app.ts';
import { createAuthentication } from '../http/auth.ts';
import { createCursors } from '../http/cursor.ts';
import { explaining } from '../http/explaining.ts';
import { outboxPages } from '../http/pages/outbox.ts';
import { createOutboxAccess } from '../http/pages/outboxAccess.ts';
import type { KeyRing, Projections, WaitFor } from '../http/ports.ts';
import { createChecks } from '../http/validation.ts';
import { WIRE } from '../http/wire.ts';
import { grantOf } from '../projections/tenants/queries.ts';
import { type Elsewhere, NO_OTHER_THREAD } from './asking.ts';
import type { Closing } from './closing.ts';
import { openCommands } from './commands.ts';
import type { Core } from './core.ts';
import { openRateLimits } from './limits.ts';
import { observing, type Observing } from './observing.ts';
import { CONSUMERS } from './readModels.ts';

export type Served = {
  readonly port: number;
  /** As others reach it. */ readonly url: string;
  /** As this machine reaches it, past any proxy: for the command line. */ readonly localUrl: string;
  /** Opens the outbox in a browser, once. */ readonly outboxLink: string;
};
export type About = { readonly version: string; /** In tests every answer is held against its schema. */ readonly checkAnswers: boolean };

/** The API of this process: every operation and page over its use cases and queries. */
export async function startHttp(
  core: Core,
  { version, checkAnswers }: About,
  closing: Closing,
  elsewhere: Elsewhere = NO_OTHER_THREAD,
): Promise<Served> {
  const { config, models, logged, clock, ids, captures, secrets } = core;
  const { indexes, subjects: people, vault } = logged.keys;
  const checks = createChecks();
  const requests = requestLog(core.log, (name, status, seconds) => {
    core.metrics.requests.observe({ operation: name, status: String(status) }, seconds);
  });
  const commands = openCommands(core, closing);
  const observed = observing(core, closing, elsewhere);
  const operations = apiOperations({
    ...commands,
    notifications: commands.controls,
    log: logged.log,
    people,
    indexes,
    vault,
    reads: { read: (tenant, projection, query) => models.asApi(tenant, projection, query) },
    captures,
    previewer: createRenderer(),
    projections: projectionsOf(core, observed),
    actions: {
      parked: (request) => parkedActions(models.db, request),
      retry: (id) => retryParkedAction(models.db, id),
    },
    health: observed.health,
    metrics: observed.metrics,
    checks,
    failed: (error, requestId) => {
      requests.failed(error, requestId);
    },
    version,
    url: config.http.publicUrl ?? '/',
    redoc: redocBundle,
  });
  const authenticate = createAuthentication({
    keys: keyRing(core),
    clock,
    nameOf: (tenant, sub) => actorName(core, tenant, sub),
    ...(config.jwt === undefined ? {} : { tokens: jwtVerifier(config.jwt, clock) }),
  });
  const access = createOutboxAccess({ secrets: { token: unguessable }, clock });
  const cursors = createCursors(secrets.signing);
  const outbox = outboxPages({
    ...commands,
    access,
    authenticate,
    captures,
    explaining: explaining(logged.log),
    cursors,
    clock,
    time: clock,
    secure: config.http.publicUrl?.startsWith('https:') === true,
  });
  const app = createApp(operations, [outbox], {
    ids,
    log: requests,
    audit: commands.audit,
    clock,
    authenticate,
    admission: createAdmission(observed.gauges, ADMISSION, clock),
    rateLimits: await openRateLimits(core, closing),
    cursors,
    waitFor: waitFor(core),
    time: clock,
    checks,
    limits: WIRE,
    checkAnswers,
  });
  const listener = await openPort(config.http, app);
  closing.add('http', () => listener.drain(Math.floor(config.shutdownMs / 2)));
  const localUrl = localUrlOf(config.http.host, listener.port);
  const url = config.http.publicUrl ?? localUrl;
  return { port: listener.port, url, localUrl, outboxLink: `${url}/outbox/enter?token=${access.link(OPERATOR)}` };
}

/** An address that means all of this machine's is spoken to on loopback; one of IPv6 stands in brackets (RFC 3986 §3.2.2). */
function localUrlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${String(port)}`;
}

/** Whoever reads what the service printed when it started: they hold its data directory. */
const OPERATOR: Access = {
  tenant: DEFAULT_TENANT,
  actor: { kind: 'user', id: 'operator' },
  scopes: new Set(['send', 'read', 'pii']),
  mode: 'live',
};

/** A token's `sub` that may be an e-mail address stands in events as its keyed hash. */
async function actorName({ logged }: Core, tenant: Parameters<Core['logged']['keys']['indexes']['hash']>[0], sub: string): Promise<string> {
  const [hash] = await logged.keys.indexes.hash(tenant, 'actor', [sub]);
  return `sub_${hash ?? ''}`;
}

const projectionsOf = ({ models }: Core, { consumers }: Observing): Projections => ({
  list: consumers,
  rebuild: async (name) => {
    if (!CONSUMERS.some((it) => it.name === name)) return false;
    await requestRebuild(models.db, name);
    return true;
  },
  parked: (name, limit, after) => listParked(models.db, name, after, limit),
  askParked: (name, eventId, wish) => askParked(models.db, name, eventId, wish),
});

type App = Parameters<typeof listen>[0];
const NEXT_PORTS = 20;

/** PORT unset and taken: the next free one. */
async function openPort({ host, port, orNext }: Core['config']['http'], app: App): Promise<Listener> {
  for (let next = port; ; next += 1) {
    try {
      return await listen(app, { ...LISTENER, host, port: next });
    } catch (error) {
      const taken = error instanceof PortError && error.code === 'port_taken';
      if (!taken || !orNext || next >= port + NEXT_PORTS) throw error;
    }
  }
}

/** Whose key it is comes out of the key, so the look-up runs as the worker, who sees all tenants. */
const keyRing = ({ models }: Core): KeyRing => ({
  find: (secret) => models.asWorker(DEFAULT_TENANT, 'tenants', (tx, suffix) => grantOf(tx, suffix, keySecrets.hash(secret))),
});

const waitFor = ({ models }: Core): WaitFor => ({
  reached: async (position, projections, timeoutMs) => {
    const all = await Promise.all(projections.map((name) => models.waitFor(name, position, { boundMs: timeoutMs })));
    return all.every((it) => it === 'reached');
  },
});
