import { assertNever } from '../kernel/assertNever.ts';
import type { Decider, Decision } from '../kernel/decider.ts';
import { isSealed, type Personal } from '../kernel/personal.ts';
import { preconditionHolds, type IfVersion } from '../kernel/precondition.ts';
import { reject } from '../kernel/rejection.ts';
import type { KeyedHash, SubjectId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import type { AddressAdded, OwnChannel, Platform, Profile, ProfileKeys, RecipientEvent } from './events.ts';

/** `profile`: the whole new one; the sealed handle of the current one when nothing changes. */
export type SetProfile = {
  readonly subject: SubjectId;
  readonly profile: Personal<Profile>;
  readonly keys: ProfileKeys;
  readonly request?: KeyedHash;
  readonly ifVersion?: IfVersion;
  readonly now: Instant;
};
export type AddAddress = Omit<AddressAdded['data'], 'addedAt'> & { readonly now: Instant };
export type RemoveAddress = { readonly subject: SubjectId; readonly id: KeyedHash; readonly now: Instant };
export type RecipientCommand =
  | { readonly type: 'SetProfile'; readonly data: SetProfile }
  | { readonly type: 'AddAddress'; readonly data: AddAddress }
  | { readonly type: 'RemoveAddress'; readonly data: RemoveAddress };
export type RecipientCode = 'recipient_not_found' | 'precondition_failed' | 'too_many_addresses';

type Own = { readonly channel: OwnChannel; readonly key: KeyedHash; readonly platform?: Platform };
export type RegisteredRecipient = {
  readonly status: 'registered';
  readonly version: number;
  readonly profile: Personal<Profile>;
  /** By the hash of the caller's id. */
  readonly own: ReadonlyMap<KeyedHash, Own>;
};
export type Recipient = { readonly status: 'absent' } | RegisteredRecipient;

/** Of devices and endpoints together: each is read with every message to the person. */
export const MAX_OWN_ADDRESSES = 100;

type Decided = Decision<RecipientEvent, RecipientCode>;

function setProfile({ now, ifVersion, profile, keys, subject, request }: SetProfile, state: Recipient): Decided {
  const version = state.status === 'absent' ? 0 : state.version;
  if (!preconditionHolds(ifVersion, version, version > 0))
    return reject('precondition_failed', 'the profile has changed since it was read; read it again and repeat the change');
  const next = { subject, version: version + 1, profile, keys, ...(request && { request }) };
  if (state.status === 'absent') return [{ type: 'RecipientRegistered', data: { ...next, registeredAt: now } }];
  return sameBlob(state.profile, profile) ? [] : [{ type: 'ProfileChanged', data: { ...next, changedAt: now } }];
}

const sameBlob = (a: Personal<Profile>, b: Personal<Profile>): boolean => isSealed(a) && isSealed(b) && a.sealed === b.sealed;

function addAddress({ now, ...address }: AddAddress, state: Recipient): Decided {
  if (state.status === 'absent')
    return reject('recipient_not_found', 'register the recipient first: PUT or PATCH /v1/recipients/{recipientId}');
  const before = state.own.get(address.id);
  if (before?.key === address.key.hash && before.channel === address.channel && before.platform === address.platform) return [];
  if (before === undefined && state.own.size >= MAX_OWN_ADDRESSES)
    return reject('too_many_addresses', `a recipient has at most ${String(MAX_OWN_ADDRESSES)} devices and endpoints; remove one first`);
  return [{ type: 'AddressAdded', data: { ...address, addedAt: now } }];
}

function removeAddress({ now, id, subject }: RemoveAddress, state: Recipient): Decided {
  const found = state.status === 'absent' ? undefined : state.own.get(id);
  return found === undefined ? [] : [{ type: 'AddressRemoved', data: { subject, channel: found.channel, id, removedAt: now } }];
}

function decide(command: RecipientCommand, state: Recipient): Decided {
  switch (command.type) {
    case 'SetProfile':
      return setProfile(command.data, state);
    case 'AddAddress':
      return addAddress(command.data, state);
    case 'RemoveAddress':
      return removeAddress(command.data, state);
  }
}

function evolve(state: Recipient, event: RecipientEvent): Recipient {
  switch (event.type) {
    case 'RecipientRegistered':
      return { status: 'registered', version: event.data.version, profile: event.data.profile, own: new Map() };
    case 'ProfileChanged':
      return state.status === 'absent' ? state : { ...state, version: event.data.version, profile: event.data.profile };
    case 'AddressAdded':
      return state.status === 'absent' ? state : { ...state, own: new Map(state.own).set(event.data.id, ownOf(event.data)) };
    case 'AddressRemoved':
      return state.status === 'absent' ? state : { ...state, own: without(state.own, event.data.id) };
    default:
      return assertNever(event);
  }
}

const ownOf = ({ channel, key, platform }: AddressAdded['data']): Own => ({ channel, key: key.hash, ...(platform && { platform }) });
function without(own: RegisteredRecipient['own'], id: KeyedHash): RegisteredRecipient['own'] {
  const rest = new Map(own);
  rest.delete(id);
  return rest;
}

/** A person that messages go to: the profile and the addresses of which there can be several. */
export const recipient: Decider<RecipientCommand, Recipient, RecipientEvent, RecipientCode> = {
  initial: () => ({ status: 'absent' }),
  decide,
  evolve,
};
