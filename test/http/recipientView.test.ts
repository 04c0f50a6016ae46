import { expect, test } from 'vitest';
import type { Vault } from '../../src/commands/ports.ts';
import type { Sealed } from '../../src/domain/kernel/personal.ts';
import type { SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { addressViews, recipientViews } from '../../src/http/recipientView.ts';
import type { AddressView, RecipientView } from '../../src/projections/recipients/queries.ts';

const at = '2026-03-01T12:00:00.000Z' as Instant;
const acme = 'acme' as TenantId;
const VALUES: Readonly<Record<string, object>> = {
  ana: {
    email: 'ana.prohaska@example.com',
    phone: '+436641234567',
    name: 'Ana Prohaska',
    locale: 'de-AT',
    attributes: { city: 'Wien' },
    tags: ['vip'],
  },
  device: { id: 'd1', address: 'token-of-the-device' },
  hook: { id: 'e1', address: 'https://hooks.example.com/ana' },
};
/** What is sealed is named by what it opens to. */
const sealed = (name: string): Sealed => ({ sealed: name, tenant: acme, class: 'identity', period: '2026-03', aad: '' });
const vault: Vault = {
  seal: () => Promise.reject(new Error('nothing is sealed to be shown')),
  open: (items) => Promise.resolve(items.map((it) => ({ value: VALUES[it.sealed] as never }))),
};
const people = { labels: () => Promise.resolve(['user-1']) };
const person: RecipientView = { subject: 's1' as SubjectId, version: 3, profile: sealed('ana'), registeredAt: at, changedAt: at };
const addresses: readonly AddressView[] = [
  { channel: 'push', platform: 'ios', address: sealed('device'), addedAt: at },
  { channel: 'webhook', platform: null, address: sealed('hook'), addedAt: at },
];

test('without the scope pii a person is shown masked, and what could be anything not at all; the token of a device to nobody', async () => {
  const shown = async (unmasked: boolean) => ({
    person: await recipientViews({ people, vault }, acme, [person], unmasked),
    ...(await addressViews({ vault }, addresses, unmasked)),
  });
  const always = { recipientId: 'user-1', locale: 'de-AT', version: 3, createdAt: at, updatedAt: at };
  const devices = [{ deviceId: 'd1', platform: 'ios', token: 'token-•••', addedAt: at }];
  expect(await shown(false)).toStrictEqual({
    person: [{ ...always, email: 'a•••@e•••.com', phone: '+43•••67', name: 'A•••' }],
    devices,
    endpoints: [{ endpointId: 'e1', channel: 'webhook', address: 'https:•••', addedAt: at }],
  });
  expect(await shown(true)).toStrictEqual({
    person: [{ ...always, ...VALUES['ana'] }],
    devices,
    endpoints: [{ endpointId: 'e1', channel: 'webhook', address: 'https://hooks.example.com/ana', addedAt: at }],
  });
});
