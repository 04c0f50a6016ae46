import { present } from '../kernel/present.ts';
import { isRejection, reject, type Rejection } from '../kernel/rejection.ts';
import { parseEmail } from '../values/email.ts';
import { canonicalLocale } from '../values/locale.ts';
import { mergeMember, mergeMembers, type JsonMembers } from '../values/mergePatch.ts';
import { parsePhone } from '../values/phone.ts';
import { isTimeZone } from '../values/timeZone.ts';
import type { Sender, Settings } from './events.ts';

/** JSON Merge Patch (RFC 7386): null removes; `sender` and `branding` are merged member by member. */
export type SettingsPatch = {
  readonly sender?: { readonly [Member in keyof Sender]?: string | null } | null;
  readonly postalAddress?: string | null;
  readonly locale?: string | null;
  readonly timeZone?: string | null;
  readonly branding?: JsonMembers | null;
  readonly unknownTypes?: Settings['unknownTypes'] | null;
};
export type SettingsCode = 'invalid_email' | 'invalid_phone' | 'invalid_locale' | 'invalid_time_zone';

export const DEFAULT_SETTINGS: Settings = { sender: {}, branding: {}, unknownTypes: 'allow' };

/** GSM operators take 1 to 11 letters, digits and blanks, with at least one letter. */
const SENDER_ID = /^(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}$/;

/** The settings after the patch; values normalised. */
export function patchedSettings(current: Settings, patch: SettingsPatch): Settings | Rejection<SettingsCode> {
  const sender = patchedSender(current.sender, patch.sender);
  if (isRejection<SettingsCode>(sender)) return sender;
  const wanted = mergeMember(current.locale, patch.locale);
  const locale = wanted === undefined ? undefined : canonicalLocale(wanted);
  if (wanted !== undefined && locale === undefined) return reject('invalid_locale', 'write a BCP 47 tag, like de-AT', '/locale');
  const timeZone = mergeMember(current.timeZone, patch.timeZone);
  if (timeZone !== undefined && !isTimeZone(timeZone))
    return reject('invalid_time_zone', 'write an IANA zone, like Europe/Vienna', '/timeZone');
  return {
    sender,
    ...present({ postalAddress: mergeMember(current.postalAddress, patch.postalAddress), locale, timeZone }),
    branding: patch.branding === null ? {} : mergeMembers(current.branding, patch.branding ?? {}),
    unknownTypes: mergeMember(current.unknownTypes, patch.unknownTypes) ?? DEFAULT_SETTINGS.unknownTypes,
  };
}

function patchedSender(current: Sender, patch: SettingsPatch['sender']): Sender | Rejection<SettingsCode> {
  if (patch === null) return {};
  const email = emailAt('/sender/email', mergeMember(current.email, patch?.email));
  if (isRefused(email)) return email;
  const replyTo = emailAt('/sender/replyTo', mergeMember(current.replyTo, patch?.replyTo));
  if (isRefused(replyTo)) return replyTo;
  const sms = smsSender(mergeMember(current.sms, patch?.sms));
  if (isRefused(sms)) return sms;
  return present({ name: mergeMember(current.name, patch?.name), email, replyTo, sms });
}

const isRefused = (it: string | undefined | Rejection<SettingsCode>): it is Rejection<SettingsCode> => typeof it === 'object';

function emailAt(path: string, given: string | undefined): string | undefined | Rejection<SettingsCode> {
  if (given === undefined) return undefined;
  const parsed = parseEmail(given);
  return isRejection(parsed) ? reject(parsed.rejected, parsed.detail, path) : parsed.address;
}

function smsSender(given: string | undefined): string | undefined | Rejection<SettingsCode> {
  if (given === undefined || SENDER_ID.test(given)) return given;
  const parsed = parsePhone(given);
  if (!isRejection(parsed)) return parsed.e164;
  return reject('invalid_phone', 'write a number in international form (E.164), or 1 to 11 letters and digits', '/sender/sms');
}
