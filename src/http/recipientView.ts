import type { Opened, Subjects, Vault } from '../commands/ports.ts';
import { present } from '../domain/kernel/present.ts';
import type { OwnAddress, Profile } from '../domain/recipient/events.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { AddressView, RecipientView } from '../projections/recipients/queries.ts';
import { maskedEmail, maskedPhone, maskedText, maskedToken, maskedUnless } from './masking.ts';
import { labelsOf } from './people.ts';

export type RecipientViewPorts = { readonly people: Pick<Subjects, 'labels'>; readonly vault: Vault };

function profileView(profile: Opened<Profile> | undefined, unmasked: boolean): object {
  if (profile === undefined || profile === 'erased') return {};
  const { email, phone, name, locale, timeZone, attributes, tags } = profile.value;
  return present({
    email: maskedUnless(unmasked, email, maskedEmail),
    phone: maskedUnless(unmasked, phone, maskedPhone),
    name: maskedUnless(unmasked, name, maskedText),
    locale,
    timeZone,
    attributes: unmasked ? attributes : undefined,
    tags: unmasked ? tags : undefined,
  });
}

/** People with their profiles, opened and labelled in one batch each. */
export async function recipientViews(
  { people, vault }: RecipientViewPorts,
  tenant: TenantId,
  rows: readonly RecipientView[],
  unmasked: boolean,
): Promise<readonly object[]> {
  const [labelOf, profiles] = await Promise.all([
    labelsOf(
      people,
      tenant,
      rows.map(({ subject }) => subject),
    ),
    vault.open<Profile>(rows.map(({ profile }) => profile)),
  ]);
  return rows.map(({ subject, version, registeredAt, changedAt }, place) => ({
    recipientId: labelOf(subject),
    ...profileView(profiles[place], unmasked),
    version,
    createdAt: registeredAt,
    updatedAt: changedAt,
  }));
}

/** Devices and endpoints. A token is a credential: it is masked for everybody. */
export async function addressViews(
  { vault }: Pick<RecipientViewPorts, 'vault'>,
  addresses: readonly AddressView[],
  unmasked: boolean,
): Promise<{ readonly devices: readonly object[]; readonly endpoints: readonly object[] }> {
  const opened = await vault.open<OwnAddress>(addresses.map(({ address }) => address));
  const shown = addresses.flatMap((it, place) => {
    const own = opened[place];
    return own === undefined || own === 'erased' ? [] : [{ ...it, own: own.value }];
  });
  const devices = shown
    .filter(({ channel }) => channel === 'push')
    .map(({ own, platform, addedAt }) => ({ deviceId: own.id, platform, token: maskedToken(own.address), addedAt }));
  const endpoints = shown
    .filter(({ channel }) => channel !== 'push')
    .map(({ own, channel, addedAt }) => ({
      endpointId: own.id,
      channel,
      address: unmasked ? own.address : maskedToken(own.address),
      addedAt,
    }));
  return { devices, endpoints };
}
