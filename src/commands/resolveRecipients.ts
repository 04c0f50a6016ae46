import { open } from '../domain/kernel/personal.ts';
import { present } from '../domain/kernel/present.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { InlinePerson, RecipientRefusal, RequestedRecipient } from '../domain/notification/events.ts';
import type { OwnPart } from '../domain/values/message.ts';
import { addressKeyText } from '../domain/values/addressKey.ts';
import { parseEmail } from '../domain/values/email.ts';
import { canonicalLocale } from '../domain/values/locale.ts';
import { parsePhone } from '../domain/values/phone.ts';
import { isTimeZone } from '../domain/values/timeZone.ts';
import { parseWebhookUrl } from '../domain/values/webhookUrl.ts';
import type { SubjectId, TenantId } from '../domain/values/ids.ts';
import type { RecipientInput } from './notificationInput.ts';
import type { PersonName, Subjects } from './ports.ts';

/** Verdicts by place in the request: who it is for, and who was refused and why. */
export type Resolved = {
  readonly recipients: readonly RequestedRecipient[];
  readonly refused: readonly RecipientRefusal[];
  /** By index: whom we know; also of a refused one whose name could be read. */
  readonly subjects: ReadonlyMap<number, SubjectId>;
};
export type Given = { readonly index: number; readonly input: RecipientInput; readonly own?: OwnPart; readonly refusal?: Rejection };

/** People → subjects, in one statement for all. A malformed address is a verdict about that person alone. */
export async function resolveRecipients(
  subjects: Subjects,
  tenant: TenantId,
  given: readonly Given[],
  standsEarlier?: StandsEarlier,
): Promise<Resolved> {
  const [resolved = NOBODY] = await resolveMany(subjects, tenant, [given], standsEarlier);
  return resolved;
}
const NOBODY: Resolved = { recipients: [], refused: [], subjects: new Map() };
/** Whether somebody stands in an earlier part of what these are a part of. */
export type StandsEarlier = (subject: SubjectId) => boolean;
const nobodyDoes: StandsEarlier = () => false;

/** The same for the people of several requests: one statement for all of them. */
export async function resolveMany(
  subjects: Subjects,
  tenant: TenantId,
  requests: readonly (readonly Given[])[],
  standsEarlier: StandsEarlier = nobodyDoes,
): Promise<readonly Resolved[]> {
  const parsed = requests.map((given) =>
    given.map((it): Named => {
      const person = parsePerson(it.input);
      return { ...it, person, name: nameOf(it.input, person) };
    }),
  );
  const names = parsed.flat().flatMap(({ name }) => name ?? []);
  const found = names.length > 0 ? await subjects.resolve(tenant, names) : [];
  let next = 0;
  return parsed.map((some) =>
    resolvedOf(
      some.map((it) => ({ it, found: it.name === undefined ? undefined : found[next++] })),
      standsEarlier,
    ),
  );
}

type Found = SubjectId | 'erased' | undefined;

function resolvedOf(people: readonly { readonly it: Parsed; readonly found: Found }[], standsEarlier: StandsEarlier): Resolved {
  const refused: RecipientRefusal[] = [];
  const recipients: RequestedRecipient[] = [];
  const known = new Map<number, SubjectId>();
  const seen = new Set<SubjectId>();
  for (const { it, found } of people) {
    const subject = found === 'erased' ? undefined : found;
    if (subject !== undefined) known.set(it.index, subject);
    const verdict = verdictOf(it, found, (one) => seen.has(one) || standsEarlier(one));
    if ('code' in verdict) refused.push({ ...verdict, ...present({ subject }) });
    else {
      seen.add(verdict.subject);
      recipients.push(verdict);
    }
  }
  return { recipients, refused, subjects: known };
}

type Parsed = Given & { readonly person: InlinePerson | Rejection };
type Named = Parsed & { readonly name: PersonName | undefined };

function verdictOf({ index, person, own, refusal }: Parsed, found: Found, isThere: StandsEarlier): RequestedRecipient | RecipientRefusal {
  if (isRejection(person)) return refusedFor(index, person);
  if (refusal !== undefined) return refusedFor(index, refusal);
  const subject = subjectOrRefusal(found, isThere);
  if (isRejection(subject)) return refusedFor(index, subject);
  const inline = Object.keys(person).length > 0 ? open(person) : undefined;
  return { index, subject, ...present({ person: inline, own: own && open(own) }) };
}

const refusedFor = (index: number, { rejected, detail }: Rejection): RecipientRefusal => ({ index, code: rejected, detail });

function subjectOrRefusal(found: Found, isThere: StandsEarlier): SubjectId | Rejection {
  if (found === undefined) return reject('no_recipient', 'name the person by recipientId or give an address');
  if (found === 'erased') return reject('erased', 'this person has been erased; nothing is sent to them any more');
  return isThere(found) ? reject('duplicate_recipient', 'the same person stands earlier in this request') : found;
}

/** Inline particulars, normalised; nothing that names nobody is kept. */
function parsePerson(input: RecipientInput): InlinePerson | Rejection {
  const email = ifGiven(input.email, parseEmail);
  if (isRejection(email)) return email;
  const phone = ifGiven(input.phone, parsePhone);
  if (isRejection(phone)) return phone;
  const locale = ifGiven(input.locale, parseLocale);
  if (isRejection(locale)) return locale;
  const timeZone = ifGiven(input.timeZone, parseTimeZone);
  if (isRejection(timeZone)) return timeZone;
  const webhookUrl = ifGiven(input.webhookUrl, parseWebhookUrl);
  if (isRejection(webhookUrl)) return webhookUrl;
  const { pushToken, walletId, name } = input;
  return present({ email: email?.address, phone: phone?.e164, pushToken, webhookUrl, walletId, name, locale, timeZone });
}

const ifGiven = <I, O>(value: I | undefined, parse: (value: I) => O): O | undefined => (value === undefined ? undefined : parse(value));
const parseLocale = (text: string): string | Rejection =>
  canonicalLocale(text) ?? reject('invalid_locale', 'write a BCP 47 tag, like de-AT');
const parseTimeZone = (text: string): string | Rejection =>
  isTimeZone(text) ? text : reject('invalid_time_zone', 'write an IANA zone, like Europe/Vienna');

/** A caller's id comes first; else the first address that can be read, in the order of the channels. */
function nameOf(input: RecipientInput, person: InlinePerson | Rejection): PersonName | undefined {
  if (input.recipientId !== undefined) return { recipientId: input.recipientId };
  const address = isRejection(person) ? readableAddress(input) : firstAddress(person);
  return address === undefined ? undefined : { address };
}

function firstAddress(person: InlinePerson): string | undefined {
  if (person.email !== undefined) return addressKeyText('email', person.email);
  if (person.phone !== undefined) return addressKeyText('sms', person.phone);
  if (person.pushToken !== undefined) return addressKeyText('push', person.pushToken);
  if (person.webhookUrl !== undefined) return addressKeyText('webhook', person.webhookUrl);
  return person.walletId === undefined ? undefined : addressKeyText('wallet', person.walletId);
}

/** Of somebody who is refused: so that the verdict can name them as every other call does. */
function readableAddress({ email, phone }: RecipientInput): string | undefined {
  if (email !== undefined && !isRejection(parseEmail(email))) return addressKeyText('email', email);
  return phone !== undefined && !isRejection(parsePhone(phone)) ? addressKeyText('sms', phone) : undefined;
}
