import { expect, test } from 'vitest';
import { localeChain } from '../../../src/domain/policy/locale.ts';

test('a language falls to the one it is a variety of, then to the fallback', () => {
  expect(localeChain('de-AT', 'en')).toStrictEqual(['de-AT', 'de', 'en']);
  expect(localeChain('zh-Hant-TW', 'en')).toStrictEqual(['zh-Hant-TW', 'zh-Hant', 'zh', 'en']);
  expect(localeChain('de-x-formal', 'en')).toStrictEqual(['de-x-formal', 'de', 'en']);
  expect(localeChain('en', 'en')).toStrictEqual(['en']);
  expect(localeChain('en-GB', 'en')).toStrictEqual(['en-GB', 'en']);
  expect(localeChain('de', 'en-GB')).toStrictEqual(['de', 'en-GB']);
});
