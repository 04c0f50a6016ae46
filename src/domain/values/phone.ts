import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { reject } from '../kernel/rejection.ts';
import type { Rejection } from '../kernel/rejection.ts';

/** A telephone number; personal data. */
export type PhoneNumber = {
  /** E.164: `+` and 7 to 15 digits. It is its own key: two spellings of one number give the same. */
  readonly e164: string;
  /** ISO 3166-1 alpha-2; absent for numbers of no country (`+800`) and where a shared code (`+1 555`) does not tell. */
  readonly country?: string;
  /** ITU-T E.164 country calling code, without `+`. */
  readonly callingCode: string;
};

/** Goes up when `e164` changes for a number that was accepted before; stored beside every hash of one. */
export const PHONE_NORMALISATION = 1;

/** International form, with the usual punctuation; letters, extensions and a second `+` are refused rather than guessed at. */
const WRITTEN = /^\+[\d ().\-/\u00a0\u2010-\u2015]{5,40}$/;

/**
 * Parses a number in international form. It must be possible (code known, length right), not assigned: ranges are opened faster than
 * any metadata is shipped, and the operator has the last word. The refusal never repeats the number.
 */
export function parsePhone(text: string): PhoneNumber | Rejection<'invalid_phone'> {
  const trimmed = text.replace(/^ +| +$/g, '');
  if (!WRITTEN.test(trimmed)) return reject('invalid_phone', 'write the number in international form, with + and country code (E.164)');
  const number = parsePhoneNumberFromString(trimmed);
  if (number?.isPossible() !== true) return reject('invalid_phone', 'no such country code, or too few or too many digits for it');
  const parsed = { e164: number.number, callingCode: number.countryCallingCode };
  return number.country === undefined ? parsed : { ...parsed, country: number.country };
}
