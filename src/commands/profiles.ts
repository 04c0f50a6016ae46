import { isDeepStrictEqual } from 'node:util';
import { isSealed, open } from '../domain/kernel/personal.ts';
import { present } from '../domain/kernel/present.ts';
import type { IfVersion } from '../domain/kernel/precondition.ts';
import { isRejection, type Rejection } from '../domain/kernel/rejection.ts';
import type { AddressKey, Profile, ProfileKeys } from '../domain/recipient/events.ts';
import {
  EMPTY_PROFILE,
  parseProfile,
  patched,
  type ProfileCode,
  type ProfileInput,
  type ProfilePatch,
} from '../domain/recipient/profile.ts';
import type { Recipient, RecipientCode, RecipientCommand } from '../domain/recipient/recipient.ts';
import { addressKeyText } from '../domain/values/addressKey.ts';
import type { Channel } from '../domain/values/channel.ts';
import { EMAIL_NORMALISATION } from '../domain/values/email.ts';
import type { KeyedHash, SubjectId, TenantId } from '../domain/values/ids.ts';
import { PHONE_NORMALISATION } from '../domain/values/phone.ts';
import type { Prepare } from './handle.ts';
import type { Indexes, Vault } from './ports.ts';

export type ProfileInputFor = {
  readonly subject: SubjectId;
  /** As in `ProfileChanged`. */
  readonly request?: KeyedHash;
  readonly change: { readonly ifVersion?: IfVersion } & ({ readonly profile: ProfileInput } | { readonly patch: ProfilePatch });
};
type Loaded = Parameters<Prepare<ProfileInputFor, RecipientCommand, Recipient, never>>[0];

/**
 * Inputs → commands, for a whole batch with one opening and two hashings: a patch is merged into the profile that was loaded, and
 * one that changes nothing keeps its sealed handle, by which the decider sees that. A profile whose keys are gone counts as empty.
 */
export const prepareProfiles =
  (ports: {
    readonly vault: Vault;
    readonly indexes: Indexes;
  }): Prepare<ProfileInputFor, RecipientCommand, Recipient, RecipientCode | ProfileCode> =>
  async (loaded) => {
    const current = await openCurrent(ports.vault, loaded);
    const parsed = loaded.map(({ input: { change } }, place) =>
      parseProfile('profile' in change ? change.profile : patched(current.get(place) ?? EMPTY_PROFILE, change.patch)),
    );
    const keys = await keysOf(ports.indexes, loaded[0]?.context.tenant, parsed);
    return loaded.map(({ input, state, context }, place) => {
      const profile = parsed[place] ?? EMPTY_PROFILE;
      if (isRejection<ProfileCode>(profile)) return profile;
      const unchanged = state.status === 'registered' && isDeepStrictEqual(profile, current.get(place));
      const { ifVersion } = input.change;
      return {
        type: 'SetProfile',
        data: {
          subject: input.subject,
          profile: unchanged ? state.profile : open(profile),
          keys: keys(profile),
          now: context.envelope.occurredAt,
          ...present({ ifVersion, request: input.request }),
        },
      };
    });
  };

/** By place; nothing for those not registered and those whose keys are gone. */
async function openCurrent(vault: Vault, loaded: Loaded): Promise<ReadonlyMap<number, Profile>> {
  const sealed = loaded.flatMap(({ state }, place) =>
    state.status === 'registered' && isSealed(state.profile) ? [{ place, blob: state.profile }] : [],
  );
  const opened = sealed.length === 0 ? [] : await vault.open<Profile>(sealed.map(({ blob }) => blob));
  const current = new Map<number, Profile>();
  for (const [at, { place }] of sealed.entries()) {
    const value = opened[at] ?? 'erased';
    if (value !== 'erased') current.set(place, value.value);
  }
  return current;
}

/** Hashes all addresses and tags of a batch at once; the answer looks up those of one profile. */
async function keysOf(
  indexes: Indexes,
  tenant: TenantId | undefined,
  profiles: readonly (Profile | Rejection)[],
): Promise<(profile: Profile) => ProfileKeys> {
  const good = profiles.filter((it): it is Profile => !isRejection(it));
  const addresses = good.flatMap(({ email, phone }) => [...textOf('email', email), ...textOf('sms', phone)]);
  const [addressHashes, tagHashes] = await Promise.all([
    hashes(indexes, tenant, 'address', addresses),
    hashes(
      indexes,
      tenant,
      'tag',
      good.flatMap(({ tags }) => tags),
    ),
  ]);
  const key = (channel: Channel, address: string | undefined, normalisation: number): AddressKey | undefined => {
    const [text] = textOf(channel, address);
    const hash = text === undefined ? undefined : addressHashes.get(text);
    return hash === undefined ? undefined : { hash, normalisation };
  };
  return ({ email, phone, tags }) => ({
    ...present({ email: key('email', email, EMAIL_NORMALISATION), phone: key('sms', phone, PHONE_NORMALISATION) }),
    tags: tags.flatMap((tag) => tagHashes.get(tag) ?? []),
  });
}

const textOf = (channel: Channel, address: string | undefined): readonly string[] =>
  address === undefined ? [] : [addressKeyText(channel, address)];

async function hashes(
  indexes: Indexes,
  tenant: TenantId | undefined,
  purpose: string,
  texts: readonly string[],
): Promise<ReadonlyMap<string, KeyedHash>> {
  const distinct = [...new Set(texts)];
  const made = tenant === undefined || distinct.length === 0 ? [] : await indexes.hash(tenant, purpose, distinct);
  return new Map(distinct.flatMap((text, place) => (made[place] === undefined ? [] : [[text, made[place]] as const])));
}
