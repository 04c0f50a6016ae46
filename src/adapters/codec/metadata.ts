import Type from 'typebox';
import type { Envelope } from '../../commands/ports.ts';
import { canonicalJson } from '../../domain/kernel/canonicalJson.ts';
import type { Metadata } from '../../domain/kernel/metadata.ts';
import { isInstant, type Instant } from '../../domain/values/instant.ts';
import type { TenantId } from '../../domain/values/ids.ts';
import { lazyCheck, newAjv } from './registry.ts';

/** An id of our own making: printable ASCII without blanks. */
const id = Type.String({ pattern: '^[\\x21-\\x7e]{1,256}$' });

/** The stored form of metadata. What a later version may add is let through. */
const schema = Type.Object({
  tenantId: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }),
  commandId: id,
  correlationId: id,
  causationId: id,
  actor: Type.Object({ kind: Type.Enum(['user', 'key', 'recipient', 'system']), id, onBehalfOf: Type.Optional(id) }),
  occurredAt: Type.String({ minLength: 24, maxLength: 24 }),
  schemaVersion: Type.Integer({ minimum: 1 }),
  digest: Type.String({ minLength: 43, maxLength: 43 }),
  traceparent: Type.Optional(Type.String({ pattern: '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' })),
});
const check = lazyCheck(newAjv(), schema);

const faultOf = (meta: Metadata): string | undefined => check(meta) ?? (isInstant(meta.occurredAt) ? undefined : '#/properties/occurredAt');

export type Stamp = { readonly tenantId: TenantId; readonly schemaVersion: number; readonly digest: string };

/** Metadata as text, or the path into its schema where it is wrong. */
export function encodeMetadata(envelope: Envelope, stamp: Stamp): { readonly text: string } | { readonly fault: string } {
  const { commandId, correlationId, causationId, actor, occurredAt, traceparent } = envelope;
  const meta = {
    ...stamp,
    commandId,
    correlationId,
    causationId,
    actor,
    occurredAt,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  const fault = faultOf(meta);
  return fault === undefined ? { text: canonicalJson(meta) } : { fault };
}

export function decodeMetadata(text: string): Metadata | undefined {
  try {
    const meta = JSON.parse(text) as Metadata;
    return faultOf(meta) === undefined ? meta : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What stands in for metadata that cannot be read, so that its event can be parked under its tenant. */
export const unknownMetadata = (tenantId: TenantId, eventId: string): Metadata => ({
  tenantId,
  commandId: eventId,
  correlationId: eventId,
  causationId: eventId,
  actor: { kind: 'system', id: 'unknown' },
  occurredAt: '1970-01-01T00:00:00.000Z' as Instant,
  schemaVersion: 0,
  digest: '',
});
