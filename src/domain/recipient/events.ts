import type { Fact } from '../kernel/decider.ts';
import type { Personal } from '../kernel/personal.ts';
import type { KeyedHash, SubjectId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import type { JsonMembers } from '../values/mergePatch.ts';

/** What is known of a person; all of it is personal and sealed as one. */
export type Profile = {
  /** As it is sent to (values/email.ts). */
  readonly email?: string;
  /** E.164. */
  readonly phone?: string;
  readonly name?: string;
  /** BCP 47. */
  readonly locale?: string;
  /** IANA. */
  readonly timeZone?: string;
  readonly attributes: JsonMembers;
  /** Without repetition, in order of code units. */
  readonly tags: readonly string[];
};

/** Keyed hash of a normalised address, with the version of the normalisation that made it. */
export type AddressKey = { readonly hash: KeyedHash; readonly normalisation: number };
/** What a profile can be found by without opening it. */
export type ProfileKeys = { readonly email?: AddressKey; readonly phone?: AddressKey; readonly tags: readonly KeyedHash[] };

/** Each holds the whole new profile, so that the newest event alone tells it. `version` counts the changes from 1; it is the ETag. */
type ProfileSet = {
  readonly subject: SubjectId;
  readonly version: number;
  readonly profile: Personal<Profile>;
  readonly keys: ProfileKeys;
  /** Keyed hash of what was asked, where it came under an idempotency key of its own: by it a repeat is told from another change. */
  readonly request?: KeyedHash;
};
export type RecipientRegistered = Fact<'RecipientRegistered', ProfileSet & { readonly registeredAt: Instant }>;
export type ProfileChanged = Fact<'ProfileChanged', ProfileSet & { readonly changedAt: Instant }>;

/** Addresses of which a person has several: push tokens of devices, webhooks, wallets. */
export const OWN_CHANNELS = ['push', 'webhook', 'wallet'] as const;
export type OwnChannel = (typeof OWN_CHANNELS)[number];
export const PLATFORMS = ['ios', 'android', 'web'] as const;
export type Platform = (typeof PLATFORMS)[number];
/** `id`: the caller's own for the device or endpoint, which can identify a person too. */
export type OwnAddress = { readonly id: string; readonly address: string };

/** A later one with the same `id` takes the place of the earlier. */
export type AddressAdded = Fact<
  'AddressAdded',
  {
    readonly subject: SubjectId;
    readonly channel: OwnChannel;
    /** Of the caller's id of the device or endpoint. */
    readonly id: KeyedHash;
    /** Of a device. */
    readonly platform?: Platform;
    readonly address: Personal<OwnAddress>;
    readonly key: AddressKey;
    readonly addedAt: Instant;
  }
>;
export type AddressRemoved = Fact<
  'AddressRemoved',
  { readonly subject: SubjectId; readonly channel: OwnChannel; readonly id: KeyedHash; readonly removedAt: Instant }
>;

export type RecipientEvent = RecipientRegistered | ProfileChanged | AddressAdded | AddressRemoved;
