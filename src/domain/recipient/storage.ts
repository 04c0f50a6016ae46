import { count, firstVersion, instant, list, oneOf, optional, shape, text } from '../kernel/schema.ts';
import type { StorageOf } from '../kernel/storage.ts';
import { OWN_CHANNELS, PLATFORMS, type RecipientEvent } from './events.ts';

const addressKey = shape({ hash: text, normalisation: count });
const profileSet = {
  subject: text,
  version: count,
  profile: text,
  keys: shape({ email: optional(addressKey), phone: optional(addressKey), tags: list(text) }),
  request: optional(text),
};
const profile = [{ path: 'profile', class: 'identity', subject: 'subject' }] as const;

/** How the events of a recipient are stored. */
export const recipientStorage = {
  RecipientRegistered: firstVersion(shape({ ...profileSet, registeredAt: instant }), profile),
  ProfileChanged: firstVersion(shape({ ...profileSet, changedAt: instant }), profile),
  AddressAdded: firstVersion(
    shape({
      subject: text,
      channel: oneOf(OWN_CHANNELS),
      id: text,
      platform: optional(oneOf(PLATFORMS)),
      address: text,
      key: addressKey,
      addedAt: instant,
    }),
    [{ path: 'address', class: 'identity', subject: 'subject' }],
  ),
  AddressRemoved: firstVersion(shape({ subject: text, channel: oneOf(OWN_CHANNELS), id: text, removedAt: instant })),
} satisfies StorageOf<RecipientEvent>;
