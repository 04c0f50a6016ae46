import { present } from '../kernel/present.ts';
import { isRejection, reject, type Rejection } from '../kernel/rejection.ts';
import { parseEmail } from '../values/email.ts';
import { canonicalLocale } from '../values/locale.ts';
import { mergeMember, mergeMembers, type JsonMembers } from '../values/mergePatch.ts';
import { parsePhone } from '../values/phone.ts';
import { isTimeZone } from '../values/timeZone.ts';
import type { Profile } from './events.ts';

/** A profile as a caller writes it: shapes are right, values not yet parsed. */
export type ProfileInput = {
  readonly email?: string;
  readonly phone?: string;
  readonly name?: string;
  readonly locale?: string;
  readonly timeZone?: string;
  readonly attributes?: JsonMembers;
  readonly tags?: readonly string[];
};
/** JSON Merge Patch (RFC 7386): null removes; `attributes` are merged member by member, `tags` replaced. */
export type ProfilePatch = { readonly [Member in keyof ProfileInput]?: ProfileInput[Member] | null };
export type ProfileCode = 'invalid_email' | 'invalid_phone' | 'invalid_locale' | 'invalid_time_zone';

export const EMPTY_PROFILE: Profile = { attributes: {}, tags: [] };

/** What the person's profile is after the patch, as input: only what the patch brings needs parsing, but parsing twice changes nothing. */
export const patched = (profile: Profile, patch: ProfilePatch): ProfileInput =>
  present({
    email: mergeMember(profile.email, patch.email),
    phone: mergeMember(profile.phone, patch.phone),
    name: mergeMember(profile.name, patch.name),
    locale: mergeMember(profile.locale, patch.locale),
    timeZone: mergeMember(profile.timeZone, patch.timeZone),
    attributes: patch.attributes === null ? {} : mergeMembers(profile.attributes, patch.attributes ?? {}),
    tags: mergeMember(profile.tags, patch.tags) ?? [],
  });

/** Addresses normalised, locale canonical, tags in order; the refusal names the member and never repeats its value. */
export function parseProfile(input: ProfileInput): Profile | Rejection<ProfileCode> {
  const email = emailOf(input.email);
  if (isRefused(email)) return email;
  const phone = phoneOf(input.phone);
  if (isRefused(phone)) return phone;
  const locale = localeOf(input.locale);
  if (isRefused(locale)) return locale;
  if (input.timeZone !== undefined && !isTimeZone(input.timeZone))
    return reject('invalid_time_zone', 'write an IANA zone, like Europe/Vienna', '/timeZone');
  return {
    ...present({ email, phone, name: input.name, locale, timeZone: input.timeZone }),
    attributes: input.attributes ?? {},
    tags: [...new Set(input.tags)].sort(),
  };
}

type Parsed = string | undefined | Rejection<ProfileCode>;
const isRefused = (it: Parsed): it is Rejection<ProfileCode> => typeof it === 'object';

function emailOf(given: string | undefined): Parsed {
  const parsed = given === undefined ? undefined : parseEmail(given);
  return parsed !== undefined && isRejection(parsed) ? reject(parsed.rejected, parsed.detail, '/email') : parsed?.address;
}
function phoneOf(given: string | undefined): Parsed {
  const parsed = given === undefined ? undefined : parsePhone(given);
  return parsed !== undefined && isRejection(parsed) ? reject(parsed.rejected, parsed.detail, '/phone') : parsed?.e164;
}
const localeOf = (given: string | undefined): Parsed =>
  given === undefined ? undefined : (canonicalLocale(given) ?? reject('invalid_locale', 'write a BCP 47 tag, like de-AT', '/locale'));
