import type { AuditRecorder } from '../commands/audit.ts';
import type { Clock } from '../commands/ports.ts';
import { present } from '../domain/kernel/present.ts';
import type { Operation, Raw, Reply } from './operation.ts';
import { isRefusal, statusOf } from './problems.ts';
import type { Refusal } from './problems.ts';

export type AuditPorts = { readonly audit: Pick<AuditRecorder, 'access' | 'administration' | 'rejected'>; readonly clock: Clock };

/** Scopes whose commands change what the service does. */
const ADMINISTERS: ReadonlySet<string> = new Set(['manage', 'admin', 'instance', 'compliance']);

/** `<noun>/<id>` out of the path: never a recipientId, which can be an address. */
function resourceOf({ path }: Pick<Operation, 'path'>, params: unknown): string {
  const noun = path.split('/')[2] ?? path;
  const named: readonly [string, unknown][] = typeof params === 'object' && params !== null ? Object.entries(params) : [];
  const id = named.find(([name]) => name !== 'recipientId' && name !== 'deviceId' && name !== 'endpointId')?.[1];
  return typeof id === 'string' && /^[A-Za-z0-9_.:-]{1,128}$/.test(id) ? `${noun}/${id}` : noun;
}

type Told = { readonly operation: Operation; readonly raw: Raw; readonly ports: AuditPorts };

const entryOf = ({ operation, raw, ports }: Told) => ({
  at: ports.clock.now(),
  actor: raw.access.actor,
  action: operation.id,
  requestId: raw.requestId,
});

/** The command has recorded it itself, with whom it was for. */
const RECORDED = 'no_recipient_accepted';

/** Nobody waits for a refusal to be written down. */
function refused(told: Told, { rejected }: Refusal): void {
  const { operation, raw, ports } = told;
  if (operation.method === 'get' || statusOf(rejected) >= 500 || rejected === RECORDED) return;
  ports.audit.rejected(raw.access.tenant, { ...entryOf(told), resource: resourceOf(operation, raw.params), code: rejected });
}

/**
 * Writes into the audit what an answer means: personal data seen unmasked and administration before the answer goes out, refused
 * commands behind it.
 */
export async function audited(operation: Operation, raw: Raw, reply: Reply, ports: AuditPorts): Promise<void> {
  if (operation.scope === 'public') return;
  const told: Told = { operation, raw, ports };
  if (isRefusal(reply)) {
    refused(told, reply);
    return;
  }
  const { tenant, scopes } = raw.access;
  const entry = { ...entryOf(told), ...present({ subject: reply.shown?.subject }) };
  if (operation.method !== 'get') {
    if (ADMINISTERS.has(operation.scope))
      await ports.audit.administration(tenant, { ...entry, resource: resourceOf(operation, raw.params) });
  } else if (reply.shown !== undefined && scopes.has('pii')) {
    await ports.audit.access(tenant, { ...entry, resource: reply.shown.resource });
  }
}
