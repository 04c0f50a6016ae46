import { hash } from 'node:crypto';
import type { EventWrite, ToSeal } from '../../commands/ports.ts';
import { canonicalJson } from '../../domain/kernel/canonicalJson.ts';
import type { AnyFact } from '../../domain/kernel/decider.ts';
import type { Sealed } from '../../domain/kernel/personal.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { isSubjectId, type TenantId } from '../../domain/values/ids.ts';
import { periodOf } from '../../domain/values/instant.ts';
import { partsOf } from '../../domain/values/streams.ts';
import { isRefused, type Refused } from '../crypto/vault.ts';
import type { EncodedEvent, Write } from '../eventstore/port.ts';
import { aadsOf } from './aad.ts';
import { eventIdOf } from './eventId.ts';
import { encodeMetadata } from './metadata.ts';
import { placesOfCopy, type Json, type Place } from './personalPath.ts';
import type { Registry, StoredType } from './registry.ts';

/** The part of the vault that an append needs: what cannot be sealed any more is an answer, so that neighbours go on. */
export interface Sealer {
  trySeal(items: readonly ToSeal[]): Promise<readonly (Sealed | Refused)[]>;
}

/** A value on its way into a blob, and the place that the blob's text goes to. */
type Slot = { readonly place: Place; readonly item: ToSeal };
type Draft = {
  readonly id: string;
  readonly type: string;
  readonly stored: StoredType;
  readonly data: Json;
  readonly slots: readonly Slot[];
};
type DraftedWrite = { readonly write: EventWrite; readonly tenant: TenantId; readonly events: readonly Draft[] };

const invalid = (code: string, message: string): PortError => new PortError('invalid', code, message);
const isError = (it: object): it is PortError => it instanceof PortError;

function draftSlot(place: Place, owner: { readonly tenant: TenantId; readonly period: string; readonly aad: string }): Slot | PortError {
  const { field, subject } = place;
  const value = place.holder[place.name];
  if (typeof value !== 'object' || value === null || !('open' in value) || value.open === undefined)
    return invalid('personal_not_open', `${field.path}: only an open value can be written; a sealed one belongs to its own event`);
  if (subject !== undefined && (typeof subject !== 'string' || !isSubjectId(subject)))
    return invalid('event_invalid', `${field.path}: its subject is no subject id`);
  const item = { value: value.open, ...owner, class: field.class, ...(subject === undefined ? {} : { subject }) };
  return { place, item };
}

function draftEvent(registry: Registry, write: EventWrite, event: AnyFact, index: number): Draft | PortError {
  const { tenant } = partsOf(write.stream);
  const stored = registry.get(event.type);
  if (stored === undefined) return invalid('event_unknown', `no storage is declared for ${event.type}`);
  const id = eventIdOf(write, index);
  const { data, places } = placesOfCopy(event.data, stored.paths);
  const aad = aadsOf({ tenant, stream: write.stream, eventId: id, type: event.type, schemaVersion: stored.version });
  const period = periodOf(write.envelope.occurredAt);
  const slots: Slot[] = [];
  for (const place of places) {
    const slot = draftSlot(place, { tenant, period, aad: aad(place.field.class) });
    if (isError(slot)) return slot;
    slots.push(slot);
  }
  return { id, type: event.type, stored, data, slots };
}

function draft(registry: Registry, write: EventWrite): DraftedWrite | PortError {
  const { tenant } = partsOf(write.stream);
  const events: Draft[] = [];
  for (const [index, event] of write.events.entries()) {
    const drafted = draftEvent(registry, write, event, index);
    if (isError(drafted)) return drafted;
    events.push(drafted);
  }
  return { write, tenant, events };
}

/** Puts the blob's text where the value was, or takes out what an erased person's value leaves. */
function settle({ place }: Slot, answer: Sealed | Refused): PortError | undefined {
  const { field, holder, name, list } = place;
  if (!isRefused(answer)) {
    holder[name] = answer.sealed;
    return undefined;
  }
  if (field.onErased === undefined || answer.refused !== 'subject_erased')
    return invalid(answer.refused, `${field.path}: a key that this would be sealed under was destroyed`);
  if (field.onErased === 'dropElement' && list !== undefined) list.elements.splice(list.elements.indexOf(list.element), 1);
  else holder[name] = undefined;
  return undefined;
}

function textOf({ type, stored, data }: Draft): string | PortError {
  const fault = stored.check(data);
  if (fault !== undefined) return invalid('event_invalid', `${type} is not as its storage declares: ${fault}`);
  try {
    return canonicalJson(data);
  } catch (error) {
    if (error instanceof TypeError) return invalid('event_invalid', `${type}: ${error.message}`);
    throw error;
  }
}

function finishEvent(event: Draft, { write, tenant }: DraftedWrite): EncodedEvent | PortError {
  const data = textOf(event);
  if (typeof data !== 'string') return data;
  const digest = hash('sha256', data, 'base64url');
  const metadata = encodeMetadata(write.envelope, { tenantId: tenant, schemaVersion: event.stored.version, digest });
  if ('fault' in metadata) return invalid('envelope_invalid', `the envelope of ${event.type} is wrong at ${metadata.fault}`);
  return { id: event.id, type: event.type, data, metadata: metadata.text };
}

function finish(drafted: DraftedWrite, answers: readonly (Sealed | Refused)[]): Write | PortError {
  const slots = drafted.events.flatMap((event) => event.slots);
  for (const [index, slot] of slots.entries()) {
    const answer = answers[index];
    if (answer === undefined) throw new RangeError('the vault gave fewer answers than it was asked');
    const error = settle(slot, answer);
    if (error !== undefined) return error;
  }
  const events: EncodedEvent[] = [];
  for (const event of drafted.events) {
    const encoded = finishEvent(event, drafted);
    if (isError(encoded)) return encoded;
    events.push(encoded);
  }
  return { stream: drafted.write.stream, at: drafted.write.at, events };
}

/**
 * Events as the store takes them, or why a write is refused, in order: all personal values of all writes are sealed in one call.
 * @throws PortError `unavailable` when the keys cannot be had.
 */
export async function encode(registry: Registry, sealer: Sealer, writes: readonly EventWrite[]): Promise<readonly (Write | PortError)[]> {
  const drafts = writes.map((write) => draft(registry, write));
  const itemsOf = (it: DraftedWrite | PortError): readonly ToSeal[] =>
    isError(it) ? [] : it.events.flatMap((event) => event.slots.map((slot) => slot.item));
  const items = drafts.map(itemsOf);
  const answers = items.some((some) => some.length > 0) ? await sealer.trySeal(items.flat()) : [];
  let from = 0;
  return drafts.map((it, index) => {
    const to = from + (items[index]?.length ?? 0);
    const own = answers.slice(from, to);
    from = to;
    return isError(it) ? it : finish(it, own);
  });
}
