import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { listen, LISTENER, type Listener } from '../adapters/http/listen.ts';
import { keySecrets } from '../adapters/crypto/keySecrets.ts';
import { ADMISSION, createAdmission } from '../http/admission.ts';
import { createApp } from '../http/app.ts';
import { createAuthentication } from '../http/auth.ts';
import { createCursors } from '../http/cursor.ts';
import { explaining } from '../http/explaining.ts';
import { notificationReads } from '../http/notificationReads.ts';
import type { Operation } from '../http/operation.ts';
import type { KeyRing, Reads, RequestLog, WaitFor } from '../http/ports.ts';
import { bulkNotificationRoutes } from '../http/routes/bulkNotifications.ts';
import { bulkRecipientRoutes } from '../http/routes/bulkRecipients.ts';
import { catalogueRoutes } from '../http/routes/catalogue.ts';
import { deadLetterRoutes } from '../http/routes/deadLetters.ts';
import { deliveryRoutes } from '../http/routes/deliveries.ts';
import { documentRoutes } from '../http/routes/document.ts';
import { explainRoutes } from '../http/routes/explain.ts';
import { notificationReadRoutes } from '../http/routes/notificationReads.ts';
import { notificationRoutes } from '../http/routes/notifications.ts';
import { recipientAddressRoutes } from '../http/routes/recipientAddresses.ts';
import { recipientRoutes } from '../http/routes/recipients.ts';
import { serviceRoutes } from '../http/routes/service.ts';
import { tenantRoutes } from '../http/routes/tenants.ts';
import { createChecks } from '../http/validation.ts';
import { WIRE } from '../http/wire.ts';
import { grantOf } from '../projections/tenants/queries.ts';
import { DEFAULT_TENANT } from '../domain/tenant/tenant.ts';
import { openCommands } from './commands.ts';
import type { Closing } from './closing.ts';
import type { Core } from './core.ts';
import { observing } from './observing.ts';

export type Served = { readonly port: number; readonly url: string };

/** The API of this process: every operation and page over its use cases and queries. */
export async function startHttp(core: Core, version: string, closing: Closing): Promise<Served> {
  const { config, models, logged, clock, ids } = core;
  const { indexes, subjects, vault } = logged.keys;
  const checks = createChecks();
  const requests = requestLog(core);
  const reads: Reads = { read: (tenant, projection, query) => models.asApi(tenant, projection, query) };
  const commands = openCommands(core, closing);
  const queries = notificationReads(reads);
  const told = explaining(logged.log);
  const { accept, controls } = commands;
  const observed = observing(core, closing);
  const bulk = {
    checks,
    failed: (error: unknown, requestId: string) => {
      requests.failed(error, requestId);
    },
  };
  const operations: readonly Operation[] = [
    ...notificationRoutes({ accept, controls }),
    ...bulkNotificationRoutes({ accept, ...bulk }),
    ...notificationReadRoutes({ queries, people: subjects, indexes, vault, explaining: told }),
    ...deliveryRoutes({ queries, people: subjects, explaining: told }),
    ...explainRoutes({ queries, people: subjects, indexes, reads, explaining: told }),
    ...deadLetterRoutes({ queries, people: subjects, controls }),
    ...recipientRoutes({ commands: commands.recipients, people: subjects, indexes, vault, reads }),
    ...recipientAddressRoutes({ commands: commands.recipients }),
    ...bulkRecipientRoutes({ commands: commands.recipients, ...bulk }),
    ...catalogueRoutes({ commands: commands.catalogue, reads }),
    ...tenantRoutes({ commands: commands.tenants, reads }),
    ...serviceRoutes({ health: observed.health, metrics: observed.metrics }),
  ];
  const publicUrl = config.http.publicUrl;
  const documented = documentRoutes(operations, { version, url: publicUrl ?? '/', redoc: redocBundle });
  const app = createApp([...operations, ...documented], [], {
    ids,
    log: requests,
    audit: commands.audit,
    clock,
    authenticate: createAuthentication({
      keys: keyRing(core),
      clock,
      nameOf: async (tenant, sub) => `sub_${(await indexes.hash(tenant, 'actor', [sub]))[0] ?? ''}`,
    }),
    admission: createAdmission(observed.gauges, ADMISSION),
    cursors: createCursors(core.secrets.signing),
    waitFor: waitFor(core),
    time: clock,
    checks,
    limits: WIRE,
    checkAnswers: process.env['NODE_ENV'] === 'test',
  });
  const listener = await openPort(config.http, app);
  closing.add('http', () => listener.drain(Math.floor(config.shutdownMs / 2)));
  return { port: listener.port, url: publicUrl ?? `http://${config.http.host}:${String(listener.port)}` };
}

type App = Parameters<typeof listen>[0];
const NEXT_PORTS = 20;

/** PORT unset and taken: the next free one. */
async function openPort({ host, port, orNext }: Core['config']['http'], app: App): Promise<Listener> {
  for (let next = port; ; next += 1) {
    try {
      return await listen(app, { ...LISTENER, host, port: next });
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
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

function requestLog({ log, metrics }: Core): RequestLog {
  return {
    begin: () => {
      const began = performance.now();
      return ({ operation, method, status, requestId, tenant, code }) => {
        const durationMs = performance.now() - began;
        metrics.requests.observe({ operation, status: String(status) }, durationMs / 1000);
        log.debug('request', {
          name: operation,
          method,
          status,
          requestId,
          durationMs: Math.round(durationMs),
          ...(tenant && { tenant }),
          ...(code && { code }),
        });
      };
    },
    failed: (error, requestId) => {
      log.error('a request failed', { error, requestId });
    },
  };
}

let bundle: Promise<string> | undefined;
const redocBundle = (): Promise<string> =>
  (bundle ??= readFile(createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js'), 'utf8'));
