import type { Unreadable } from '../../consumers/ports.ts';
import type { AnyFact } from '../../domain/kernel/decider.ts';
import type { Metadata, Recorded } from '../../domain/kernel/metadata.ts';
import type { Sealed } from '../../domain/kernel/personal.ts';
import { isSubjectId } from '../../domain/values/ids.ts';
import { periodOf } from '../../domain/values/instant.ts';
import { partsOf } from '../../domain/values/streams.ts';
import type { StoredEvent } from '../eventstore/port.ts';
import { aadsOf } from './aad.ts';
import { decodeMetadata, unknownMetadata } from './metadata.ts';
import { visitPersonal, type Json } from './personalPath.ts';
import type { Registry, StoredType } from './registry.ts';

/** Why an event cannot be read. */
export type Fault = 'event_unknown' | 'event_version_unknown' | 'event_invalid' | 'upcast_failed';

export const isUnreadable = (it: Recorded | Unreadable): it is Unreadable => 'unreadable' in it;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The newest form of what was stored under `version`. */
function upcast(stored: StoredType, version: number, data: unknown): unknown {
  try {
    return stored.upcast.slice(version - 1).reduce<unknown>((form, step) => step(form as never), data);
  } catch {
    // It met a form that it was not written for; what it threw may quote the data.
    return undefined;
  }
}

function newestForm(stored: StoredType | undefined, version: number, text: string): Json | Fault {
  if (stored === undefined) return 'event_unknown';
  if (version > stored.version) return 'event_version_unknown';
  const data = parsed(text);
  if (data === undefined) return 'event_invalid';
  const newest = version === stored.version ? data : upcast(stored, version, data);
  if (newest === undefined) return 'upcast_failed';
  return stored.check(newest) === undefined ? (newest as Json) : 'event_invalid';
}

/** Turns the text of each sealed field into a handle that opens by itself. */
function handles(data: Json, stored: StoredType, event: StoredEvent, meta: Metadata): void {
  const { tenantId: tenant, schemaVersion } = meta;
  const period = periodOf(meta.occurredAt);
  const aad = aadsOf({ tenant, stream: event.stream, eventId: event.id, type: event.type, schemaVersion });
  visitPersonal(data, stored.paths, ({ field, holder, name, subject }) => {
    const dataClass = field.class;
    const sealed: Sealed = {
      sealed: holder[name] as string,
      tenant,
      ...(typeof subject === 'string' && isSubjectId(subject) ? { subject } : {}),
      class: dataClass,
      period,
      aad: aad(dataClass),
    };
    holder[name] = sealed;
  });
}

/**
 * A stored event in its newest shape, personal fields as sealed handles; or why it cannot be read, which is for the consumer to park
 * and never an error.
 */
export function decode(registry: Registry, event: StoredEvent): Recorded | Unreadable {
  const { id, stream, revision, position, type } = event;
  const meta = decodeMetadata(event.metadata);
  if (meta === undefined)
    return {
      id,
      stream,
      revision,
      position,
      meta: unknownMetadata(partsOf(stream).tenant, id),
      unreadable: { type, code: 'metadata_invalid' },
    };
  const stored = registry.get(type);
  const data = newestForm(stored, meta.schemaVersion, event.data);
  if (stored === undefined || typeof data === 'string')
    return { id, stream, revision, position, meta, unreadable: { type, code: typeof data === 'string' ? data : 'event_unknown' } };
  handles(data, stored, event, meta);
  return { id, stream, revision, position, event: { type, data } satisfies AnyFact, meta };
}
