import { canonicalJson } from '../domain/kernel/canonicalJson.ts';
import { KEY_REUSED } from '../domain/kernel/keyReused.ts';
import { open } from '../domain/kernel/personal.ts';
import { PortError } from '../domain/kernel/portError.ts';
import type { IfVersion } from '../domain/kernel/precondition.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { OwnChannel, Platform, RecipientEvent } from '../domain/recipient/events.ts';
import type { ProfileCode, ProfileInput, ProfilePatch } from '../domain/recipient/profile.ts';
import type { AddAddress, Recipient, RecipientCode, RecipientCommand } from '../domain/recipient/recipient.ts';
import { addressKeyText } from '../domain/values/addressKey.ts';
import type { KeyedHash, Position, SubjectId, TenantId } from '../domain/values/ids.ts';
import { parseWebhookUrl } from '../domain/values/webhookUrl.ts';
import { contextOf, partOf, type Caller, type ContextPorts } from './caller.ts';
import { handleMany, handlePrepared, onlyOne, type CommandContext, type Outcome } from './handle.ts';
import type { EventLog, Subjects, Vault } from './ports.ts';
import { prepareProfiles, type ProfileInputFor } from './profiles.ts';
import { RECIPIENT } from './registry.ts';

export type RecipientPorts = ContextPorts & { readonly log: EventLog; readonly vault: Vault; readonly subjects: Subjects };
/** `erased`: the person has been erased; work for them is refused. */
export type RecipientRefusal = Rejection<RecipientCode | ProfileCode | 'erased' | 'idempotency_key_reused' | 'invalid_url'>;

/**
 * PUT (`profile`: the whole new one) or PATCH (`patch`) of one recipient. `recipientId`: NFC, or `addr_<subject>`. `idempotencyKey`: of
 * this change alone, for this person: with it a repeat changes nothing more, and another change is refused.
 */
export type ProfileChange = { readonly recipientId: string; readonly ifVersion?: IfVersion; readonly idempotencyKey?: string } & (
  { readonly profile: ProfileInput } | { readonly patch: ProfilePatch }
);
export type ProfileResult = {
  readonly subject: SubjectId;
  /** Counts the profile's changes from 1: the ETag. */
  readonly version: number;
  readonly created: boolean;
  readonly position?: Position;
  /** It had been carried out before, and this is the first result. */
  readonly replayed?: true;
};
export type DeviceInput = { readonly deviceId: string; readonly platform?: Platform; readonly token: string };
/** `address`: an https URL, or the wallet's id. */
export type EndpointInput = { readonly endpointId: string; readonly channel: 'webhook' | 'wallet'; readonly address: string };
export type AddressResult = { readonly subject: SubjectId; readonly position?: Position };

const ERASED = reject('erased', 'this person has been erased; nothing is kept or sent for them any more');
const NOT_FOUND = reject('recipient_not_found', 'there is no recipient of this id');
/** Tokens, URLs and wallets' ids are their own normal form. */
const OWN_NORMALISATION = 1;
type OwnKind = 'device' | 'endpoint';

/** Use cases about recipients: PUT and PATCH of one or many, their devices and endpoints. */
export function recipientCommands(ports: RecipientPorts) {
  const { indexes, subjects } = ports;
  const setProfiles = handlePrepared(ports.log, RECIPIENT, prepareProfiles(ports));
  const commands = handleMany(ports.log, RECIPIENT);

  /** One outcome per change, in order. @throws PortError when nothing could be read. */
  async function changeMany(
    caller: Caller,
    changes: readonly ProfileChange[],
  ): Promise<readonly (ProfileResult | RecipientRefusal | PortError)[]> {
    const [found, contexts, requests] = await Promise.all([
      subjects.resolve(
        caller.tenant,
        changes.map(({ recipientId }) => ({ recipientId })),
      ),
      contextsOf(caller, changes),
      requestsOf(caller.tenant, changes),
    ]);
    const items = changes.flatMap((change, place) => {
      const [subject, context, request] = [found[place], contexts[place], requests.get(place)];
      if (subject === undefined || subject === 'erased' || context === undefined) return [];
      return [{ id: subject, input: { subject, change, place, ...(request && { request }) }, context }];
    });
    const outcomes = await setProfiles(items);
    const results: (ProfileResult | RecipientRefusal | PortError)[] = changes.map(() => ERASED);
    for (const [at, { input }] of items.entries()) results[input.place] = profileResult(input, outcomes[at]);
    return results;
  }

  /** One command for each: by its own key, or by its place in the request. */
  async function contextsOf(caller: Caller, changes: readonly ProfileChange[]): Promise<readonly CommandContext[]> {
    const ofAll = await contextOf(ports, caller, 'recipients');
    return Promise.all(
      changes.map(async ({ idempotencyKey }, place) =>
        idempotencyKey === undefined ? partOf(ofAll, place) : contextOf(ports, { ...caller, idempotencyKey }, 'recipients/change'),
      ),
    );
  }

  /** Of those under a key of their own, by place. */
  async function requestsOf(tenant: TenantId, changes: readonly ProfileChange[]): Promise<ReadonlyMap<number, KeyedHash>> {
    const keyed = changes.flatMap(({ idempotencyKey, ...change }, place) => (idempotencyKey === undefined ? [] : [{ place, change }]));
    const texts = keyed.map(({ change }) => canonicalJson(change));
    const hashes = texts.length === 0 ? [] : await indexes.hash(tenant, 'request', texts);
    return new Map(keyed.flatMap(({ place }, at) => (hashes[at] === undefined ? [] : [[place, hashes[at]] as const])));
  }

  /** @throws PortError */
  async function change(caller: Caller, it: ProfileChange): Promise<ProfileResult | RecipientRefusal> {
    const [result = missing()] = await changeMany(caller, [it]);
    if (result instanceof PortError) throw result;
    return result;
  }

  /** A person who is known; nobody is made known by giving or taking an address. */
  async function find(tenant: TenantId, recipientId: string): Promise<SubjectId | RecipientRefusal> {
    const [subject = 'unknown'] = await subjects.find(tenant, [{ recipientId }]);
    if (subject === 'unknown') return NOT_FOUND;
    return subject === 'erased' ? ERASED : subject;
  }

  const hashOf = async (tenant: TenantId, purpose: string, text: string): Promise<KeyedHash> => {
    const [hash] = await indexes.hash(tenant, purpose, [text]);
    if (hash === undefined) throw missing();
    return hash;
  };
  const ownId = (tenant: TenantId, subject: SubjectId, kind: OwnKind, id: string): Promise<KeyedHash> =>
    hashOf(tenant, 'own-address', `${subject}:${kind}:${id}`);

  async function run(
    caller: Caller,
    subject: SubjectId,
    commandAt: (now: AddAddress['now']) => RecipientCommand,
  ): Promise<AddressResult | RecipientRefusal> {
    const context = await contextOf(ports, caller, 'recipients/addresses');
    const outcome = onlyOne(await commands([{ id: subject, input: commandAt(context.envelope.occurredAt), context }]));
    return isRejection(outcome) ? outcome : { subject, ...positionOf(outcome) };
  }

  type Own = {
    readonly kind: OwnKind;
    readonly id: string;
    readonly channel: OwnChannel;
    readonly address: string;
    readonly platform?: Platform;
  };
  async function add(caller: Caller, recipientId: string, own: Own): Promise<AddressResult | RecipientRefusal> {
    const subject = await find(caller.tenant, recipientId);
    if (typeof subject !== 'string') return subject;
    const [id, hash] = await Promise.all([
      ownId(caller.tenant, subject, own.kind, own.id),
      hashOf(caller.tenant, 'address', addressKeyText(own.channel, own.address)),
    ]);
    const { channel, platform } = own;
    const address = open({ id: own.id, address: own.address });
    const key = { hash, normalisation: OWN_NORMALISATION };
    return run(caller, subject, (now) => ({
      type: 'AddAddress',
      data: { subject, channel, id, address, key, now, ...(platform && { platform }) },
    }));
  }

  async function remove(caller: Caller, recipientId: string, kind: OwnKind, given: string): Promise<AddressResult | RecipientRefusal> {
    const subject = await find(caller.tenant, recipientId);
    if (typeof subject !== 'string') return subject;
    const id = await ownId(caller.tenant, subject, kind, given);
    return run(caller, subject, (now) => ({ type: 'RemoveAddress', data: { subject, id, now } }));
  }

  return {
    change,
    changeMany,
    /** Adds a device or gives it another token. */
    putDevice: (caller: Caller, recipientId: string, { deviceId, platform, token }: DeviceInput) =>
      add(caller, recipientId, { kind: 'device', id: deviceId, channel: 'push', address: token, ...(platform && { platform }) }),
    /** One that is not there is gone already. */
    removeDevice: (caller: Caller, recipientId: string, deviceId: string) => remove(caller, recipientId, 'device', deviceId),
    putEndpoint: async (caller: Caller, recipientId: string, { endpointId, channel, address: given }: EndpointInput) => {
      const address = channel === 'webhook' ? parseWebhookUrl(given) : given;
      if (isRejection(address)) return { ...address, path: '/address' };
      return add(caller, recipientId, { kind: 'endpoint', id: endpointId, channel, address });
    },
    removeEndpoint: (caller: Caller, recipientId: string, endpointId: string) => remove(caller, recipientId, 'endpoint', endpointId),
  };
}

const missing = (): PortError => new PortError('unavailable', 'no_outcome', 'a port answered with fewer values than it was asked for');
const positionOf = ({ position }: { readonly position?: Position }) => (position === undefined ? {} : { position });

function profileResult(
  { subject, request }: ProfileInputFor,
  outcome: Outcome<Recipient, RecipientEvent, RecipientCode | ProfileCode> | undefined,
): ProfileResult | RecipientRefusal | PortError {
  if (outcome === undefined) return missing();
  // Erased between the look-up and the append.
  if (outcome instanceof PortError) return outcome.code === 'subject_erased' ? ERASED : outcome;
  if (isRejection(outcome)) return outcome;
  const { repeated, events } = outcome;
  if (repeated && !events.every(({ data }) => ('request' in data ? data.request : undefined) === request)) return KEY_REUSED;
  const version = outcome.state.status === 'absent' ? 0 : outcome.state.version;
  const created = events.some(({ type }) => type === 'RecipientRegistered');
  return { subject, version, created, ...positionOf(outcome), ...(repeated && { replayed: true }) };
}
