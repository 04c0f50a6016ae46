import type { AuditRecorder } from '../commands/audit.ts';
import type { Clock } from '../commands/ports.ts';
import { present } from '../domain/kernel/present.ts';
import type { Access } from './access.ts';
import type { Operation, Raw, Reply } from './operation.ts';
import { isRefusal, statusOf } from './problems.ts';

export type AuditPorts = { readonly audit: Pick<AuditRecorder, 'access' | 'administration' | 'rejected'>; readonly clock: Clock };

/** Scopes whose commands change what the service does. */
const ADMINISTERS: ReadonlySet<string> = new Set(['manage', 'admin', 'instance', 'compliance']);

/** `<noun>/<id>` out of the path: never a recipientId, which can be an address. */
export function resourceOf({ path }: Pick<Operation, 'path'>, params: unknown): string {
  const noun = path.split('/')[2] ?? path;
  const named = typeof params === 'object' && params !== null ? Object.entries(params) : [];
  const id = named.find(([name]) => name !== 'recipientId' && name !== 'deviceId' && name !== 'endpointId')?.[1];
  return typeof id === 'string' && /^[A-Za-z0-9_.:-]{1,128}$/.test(id) ? `${noun}/${id}` : noun;
}

/**
 * Writes into the audit what an answer means: personal data seen unmasked and administration before the answer goes out, refused
 * commands behind it.
 */
export async function audited(operation: Operation, raw: Raw, reply: Reply, ports: AuditPorts): Promise<void> {
  const access: Access = raw.access;
  if (operation.scope === 'public') return;
  const entry = { at: ports.clock.now(), actor: access.actor, action: operation.id, requestId: raw.requestId };
  const resource = resourceOf(operation, raw.params);
  const command = operation.method !== 'get';
  if (isRefusal(reply)) {
    if (command && statusOf(reply.rejected) < 500) ports.audit.rejected(access.tenant, { ...entry, resource, code: reply.rejected });
    return;
  }
  const { shown } = reply;
  const subject = present({ subject: shown?.subject });
  if (command && ADMINISTERS.has(operation.scope)) await ports.audit.administration(access.tenant, { ...entry, resource, ...subject });
  if (!command && shown !== undefined && access.scopes.has('pii'))
    await ports.audit.access(access.tenant, { ...entry, resource: shown.resource, ...subject });
}
