import { jwtVerifier } from '../adapters/http/jwtVerifier.ts';
import { unguessable } from '../adapters/secrets/unguessable.ts';
import { redocBundle } from '../adapters/http/redocBundle.ts';
import { keySecrets } from '../adapters/crypto/keySecrets.ts';
import { requestLog } from '../adapters/logging/requestLog.ts';
import { parkedActions, retryParkedAction } from '../adapters/postgres/actions/parkedActions.ts';
import { createRenderer } from '../adapters/templating/renderer.ts';
import { askParked, listParked } from '../consumers/parking.ts';
import { requestRebuild } from '../consumers/rebuild.ts';
import { present } from '../domain/kernel/present.ts';
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
import type { OtherThreads } from './asking.ts';
import type { Closing } from './closing.ts';
import { openCommands } from './commands.ts';
import type { Core } from './core.ts';
import { openRateLimits } from './limits.ts';
import { observing, type Observing } from './observing.ts';
import { startListening, type Listening } from './listening.ts';
import { isConsumer } from './readModels.ts';

export type Served = Listening & {
  /** As others reach it. */ readonly url: string;
  /** Opens the outbox in a browser, once. */ readonly outboxLink: string;
};
export type About = { readonly version: string; /** In tests every answer is held against its schema. */ readonly checkAnswers: boolean };

/** The API of this process: every operation and page over its use cases and queries. */
export async function startHttp(
  core: Core,
  { version, checkAnswers }: About,
  closing: Closing,
  otherThreads?: OtherThreads,
): Promise<Served> {
  const { config, models, logged, clock, ids, captures, secrets } = core;
  const { indexes, subjects: people, vault } = logged.keys;
  const checks = createChecks();
  const requests = requestLog(core.log, (name, status, seconds) => {
    core.metrics.requests.observe({ operation: name, status: String(status) }, seconds);
  });
  const commands = openCommands(core, closing);
  const observed = observing(core, closing, present({ otherThreads }));
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
  const listening = await startListening(config, app, closing);
  const url = config.http.publicUrl ?? listening.localUrl;
  return { ...listening, url, outboxLink: `${url}/outbox/enter?token=${access.link(OPERATOR)}` };
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
  list: async () => (await consumers()).map(({ isRead: _, ...shown }) => shown),
  rebuild: async (name) => {
    if (!isConsumer(name)) return false;
    await requestRebuild(models.db, name);
    return true;
  },
  parked: async (name, limit, after) => (isConsumer(name) ? listParked(models.db, name, after, limit) : undefined),
  askParked: (name, eventId, wish) => askParked(models.db, name, eventId, wish),
});

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
