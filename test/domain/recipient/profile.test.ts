import { expect, test } from 'vitest';
import { parseProfile, patched } from '../../../src/domain/recipient/profile.ts';

test('addresses are normalised, the locale made canonical, tags put in order once', () => {
  expect(
    parseProfile({
      email: ' Ana@EXAMPLE.com ',
      phone: '+43 664 123 45 67',
      name: 'Ana',
      locale: 'de-at',
      timeZone: 'Europe/Vienna',
      tags: ['vip', 'new', 'vip'],
    }),
  ).toStrictEqual({
    email: 'Ana@example.com',
    phone: '+436641234567',
    name: 'Ana',
    locale: 'de-AT',
    timeZone: 'Europe/Vienna',
    attributes: {},
    tags: ['new', 'vip'],
  });
});

test.each([
  [{ email: 'ana' }, 'invalid_email', '/email'],
  [{ phone: '0664 123' }, 'invalid_phone', '/phone'],
  [{ locale: 'deutsch!' }, 'invalid_locale', '/locale'],
  [{ timeZone: 'Europe/Wien' }, 'invalid_time_zone', '/timeZone'],
  [{ timeZone: '+02:00' }, 'invalid_time_zone', '/timeZone'],
])('%j is refused as %s, and the refusal does not repeat it', (input, code, path) => {
  const refusal = parseProfile(input);
  expect(refusal).toMatchObject({ rejected: code, path });
  expect(JSON.stringify(refusal)).not.toContain(Object.values(input)[0]);
});

test('a patch removes by null, merges attributes and replaces tags', () => {
  const profile = {
    email: 'ana@example.com',
    name: 'Ana',
    attributes: { plan: 'gold', address: { city: 'Graz', zip: '8010' } },
    tags: ['vip'],
  };
  expect(
    patched(profile, { name: null, phone: '+436641234567', attributes: { plan: null, address: { zip: '8020' } }, tags: ['new'] }),
  ).toStrictEqual({
    email: 'ana@example.com',
    phone: '+436641234567',
    attributes: { address: { city: 'Graz', zip: '8020' } },
    tags: ['new'],
  });
  expect(patched(profile, { attributes: null, tags: null })).toStrictEqual({
    email: 'ana@example.com',
    name: 'Ana',
    attributes: {},
    tags: [],
  });
});

test('a profile that is parsed twice is the same', () => {
  const once = parseProfile({ email: 'Ana@Example.com', locale: 'DE-at', tags: ['b', 'a'] });
  if ('rejected' in once) throw new Error('refused');
  expect(parseProfile(once)).toStrictEqual(once);
});
