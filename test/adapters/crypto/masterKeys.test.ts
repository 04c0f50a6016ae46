import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newMasterKey, parseMasterKeys, unwrap, wrap } from '../../../src/adapters/crypto/masterKeys.ts';

const key = randomBytes(32);

describe('master keys', () => {
  test('the first wraps, all unwrap', () => {
    const [old, fresh] = [newMasterKey('old'), newMasterKey('new')];
    const wrapped = wrap(parseMasterKeys(old), key, 'here');
    expect(wrapped.masterId).toBe('old');
    const both = parseMasterKeys(`${fresh}, ${old}\n`);
    expect(unwrap(both, wrapped, 'here')).toStrictEqual(key);
    expect(wrap(both, key, 'here').masterId).toBe('new');
  });

  test('a missing master key, another one of the same id, another row: try again later, never erased', () => {
    const masters = parseMasterKeys(newMasterKey('m'));
    const wrapped = wrap(masters, key, 'here');
    expect(() => unwrap(parseMasterKeys(newMasterKey('n')), wrapped, 'here')).toThrow(
      expect.objectContaining({ kind: 'unavailable', code: 'master_key_missing' }) as Error,
    );
    expect(() => unwrap(parseMasterKeys(newMasterKey('m')), wrapped, 'here')).toThrow(
      expect.objectContaining({ kind: 'unavailable', code: 'key_unreadable' }) as Error,
    );
    expect(() => unwrap(masters, wrapped, 'there')).toThrow(
      expect.objectContaining({ kind: 'unavailable', code: 'key_unreadable' }) as Error,
    );
  });

  test.each([
    '',
    'a',
    'a:',
    `:${randomBytes(32).toString('base64')}`,
    `a:${randomBytes(31).toString('base64')}`,
    `a:${randomBytes(33).toString('base64')}`,
    `${newMasterKey('a')},${newMasterKey('a')}`,
    `${newMasterKey('a')},`,
  ])('what is no list of keys is refused without being repeated (%#)', (text) => {
    expect(() => parseMasterKeys(text)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'master_keys_invalid' }) as Error);
    expect(() => parseMasterKeys(text)).not.toThrow(text.slice(2, 12) || 'nothing');
  });

  test('base64url is read as well', () => {
    const bytes = Buffer.alloc(32, 0xff);
    expect(parseMasterKeys(`a:${bytes.toString('base64url')}`).byId.get('a')).toStrictEqual(bytes);
  });
});
