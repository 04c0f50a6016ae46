import { describe, expect, test } from 'vitest';
import { parsePhone } from '../../../src/domain/values/phone.ts';

describe('a telephone number', () => {
  test('is written as E.164, with its country', () => {
    expect(parsePhone('+43 664 12345')).toStrictEqual({ e164: '+4366412345', callingCode: '43', country: 'AT' });
    expect(parsePhone(' +1 (202) 555-0123 ')).toStrictEqual({ e164: '+12025550123', callingCode: '1', country: 'US' });
    expect(parsePhone('+44 7400 123456')).toStrictEqual({ e164: '+447400123456', callingCode: '44', country: 'GB' });
  });

  test('tells the countries of a shared code apart', () => {
    expect(parsePhone('+1 416 555 0123')).toMatchObject({ country: 'CA' });
    expect(parsePhone('+7 701 234 5678')).toMatchObject({ country: 'KZ' });
  });

  test('may have no country', () => {
    expect(parsePhone('+1 555 123 4567')).toStrictEqual({ e164: '+15551234567', callingCode: '1' });
    expect(parsePhone('+800 1234 5678')).toStrictEqual({ e164: '+80012345678', callingCode: '800' });
  });

  test.each([
    '',
    '+',
    '0664 12345',
    '0043 664 12345',
    '+43',
    '+999 123456',
    '+1 202 555',
    '+1 202 555 0123 4567',
    '+1 800 FLOWERS',
    '+43 664 12345 ext. 5',
    '+43664;ext=5',
    '++4366412345',
    '+43 664\n12345',
    'tel:+4366412345',
    `+43${' '.repeat(80)}66412345`,
  ])('is refused: %j', (text) => {
    expect(parsePhone(text)).toMatchObject({ rejected: 'invalid_phone' });
  });

  test('is never repeated by the refusal', () => {
    expect(JSON.stringify(parsePhone('+4366499'.repeat(3)))).not.toContain('664');
  });
});
