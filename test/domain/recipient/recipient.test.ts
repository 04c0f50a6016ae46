import { describe, test } from 'vitest';
import { open, type Sealed } from '../../../src/domain/kernel/personal.ts';
import type { AddressAdded, ProfileChanged, RecipientRegistered } from '../../../src/domain/recipient/events.ts';
import { MAX_OWN_ADDRESSES, recipient, type AddAddress, type SetProfile } from '../../../src/domain/recipient/recipient.ts';
import type { KeyedHash, SubjectId } from '../../../src/domain/values/ids.ts';
import type { Instant } from '../../../src/domain/values/instant.ts';
import { scenario } from '../../support/given.ts';

const NOW = '2026-11-21T10:00:00.000Z' as Instant;
const LATER = '2026-11-21T11:00:00.000Z' as Instant;
const subject = 'S'.repeat(22) as SubjectId;
const hash = (text: string): KeyedHash => `hash of ${text}` as KeyedHash;
const sealed = (text: string): Sealed => ({
  sealed: `1.${text}`,
  tenant: 'acme',
  subject,
  class: 'identity',
  period: '2026-11',
  aad: 'aad',
});
const keys = { email: { hash: hash('ana'), normalisation: 1 }, tags: [hash('vip')] };
const anasProfile = { email: 'ana@example.com', attributes: {}, tags: ['vip'] };

const registered: RecipientRegistered = {
  type: 'RecipientRegistered',
  data: { subject, version: 1, profile: sealed('first'), keys, registeredAt: NOW },
};
const changed: ProfileChanged = {
  type: 'ProfileChanged',
  data: { subject, version: 2, profile: sealed('second'), keys, changedAt: NOW },
};
const device = (id: string, token = 'token'): AddressAdded => ({
  type: 'AddressAdded',
  data: {
    subject,
    channel: 'push',
    id: hash(id),
    platform: 'ios',
    address: sealed(id),
    key: { hash: hash(token), normalisation: 1 },
    addedAt: NOW,
  },
});

const setProfile = (data: Partial<SetProfile> = {}) =>
  ({ type: 'SetProfile', data: { subject, profile: open(anasProfile), keys, now: LATER, ...data } }) as const;
const addDevice = (id: string, token = 'token', more: Partial<AddAddress> = {}) =>
  ({
    type: 'AddAddress',
    data: {
      subject,
      channel: 'push',
      id: hash(id),
      platform: 'ios',
      address: open({ id, address: token }),
      key: { hash: hash(token), normalisation: 1 },
      now: LATER,
      ...more,
    },
  }) as const;
const remove = (id: string) => ({ type: 'RemoveAddress', data: { subject, id: hash(id), now: LATER } }) as const;

const { given, when } = scenario(recipient);

describe('a profile', () => {
  test('that is set for the first time registers the person', () => {
    when(setProfile()).then({
      type: 'RecipientRegistered',
      data: { subject, version: 1, profile: open(anasProfile), keys, registeredAt: LATER },
    });
  });
  test('that is set again is kept whole, with the next version', () => {
    given(registered, changed)
      .when(setProfile())
      .then({ type: 'ProfileChanged', data: { subject, version: 3, profile: open(anasProfile), keys, changedAt: LATER } });
  });
  test('that stays as it is changes nothing', () => {
    given(registered, changed)
      .when(setProfile({ profile: sealed('second') }))
      .thenNothing();
  });
  test('an older blob is no sign that nothing changed', () => {
    given(registered, changed)
      .when(setProfile({ profile: sealed('first') }))
      .then({ type: 'ProfileChanged', data: { subject, version: 3, profile: sealed('first'), keys, changedAt: LATER } });
  });
  test('that was changed by somebody else in between is left to them', () => {
    given(registered, changed)
      .when(setProfile({ ifVersion: 1 }))
      .thenRejected('precondition_failed');
  });
  test('of the version that was seen is changed', () => {
    given(registered)
      .when(setProfile({ ifVersion: 1 }))
      .then({ type: 'ProfileChanged', data: { subject, version: 2, profile: open(anasProfile), keys, changedAt: LATER } });
  });
  test('that must be there is not made', () => {
    when(setProfile({ ifVersion: 'any' })).thenRejected('precondition_failed');
  });
});

describe('a device', () => {
  test('of a person who is not registered is refused', () => {
    when(addDevice('phone')).thenRejected('recipient_not_found');
  });
  test('is added', () => {
    given(registered)
      .when(addDevice('phone'))
      .then({
        type: 'AddressAdded',
        data: {
          subject,
          channel: 'push',
          id: hash('phone'),
          platform: 'ios',
          address: open({ id: 'phone', address: 'token' }),
          key: { hash: hash('token'), normalisation: 1 },
          addedAt: LATER,
        },
      });
  });
  test('that is added again as it is changes nothing', () => {
    given(registered, device('phone')).when(addDevice('phone')).thenNothing();
  });
  test('with a new token takes the place of the old', () => {
    given(registered, device('phone'))
      .when(addDevice('phone', 'new'))
      .then({
        type: 'AddressAdded',
        data: {
          subject,
          channel: 'push',
          id: hash('phone'),
          platform: 'ios',
          address: open({ id: 'phone', address: 'new' }),
          key: { hash: hash('new'), normalisation: 1 },
          addedAt: LATER,
        },
      });
  });
  test('that is removed is gone, and removing it again changes nothing', () => {
    given(registered, device('phone'))
      .when(remove('phone'))
      .then({ type: 'AddressRemoved', data: { subject, channel: 'push', id: hash('phone'), removedAt: LATER } });
    given(registered, device('phone'), {
      type: 'AddressRemoved',
      data: { subject, channel: 'push', id: hash('phone'), removedAt: NOW },
    })
      .when(remove('phone'))
      .thenNothing();
    when(remove('phone')).thenNothing();
  });
  test('too many are refused, one that is replaced is not one more', () => {
    const full = [...Array(MAX_OWN_ADDRESSES).keys()].map((n) => device(String(n)));
    given(registered, ...full)
      .when(addDevice('one more'))
      .thenRejected('too_many_addresses');
    given(registered, ...full)
      .when(addDevice('7', 'new', { platform: 'web' }))
      .then({
        type: 'AddressAdded',
        data: {
          subject,
          channel: 'push',
          id: hash('7'),
          platform: 'web',
          address: open({ id: '7', address: 'new' }),
          key: { hash: hash('new'), normalisation: 1 },
          addedAt: LATER,
        },
      });
  });
});
