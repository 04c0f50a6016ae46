import { domainToASCII } from 'node:url';
import { encodedWords, hasControl } from './headerFields.ts';

export type Mailbox = { readonly name: string; readonly address: string };

/** An address that is one token in a header and one path in an SMTP command, whatever reads it. */
const ADDRESS = /^[^\s"(),:;<>@[\\\]\x00-\x20\x7f]{1,64}@([^\s"(),:;<>@[\\\]\x00-\x20\x7f]{1,253})$/;
/** RFC 5322 atoms and single blanks: a display name that needs no quotes. */
const PLAIN_NAME = /^[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*$/;

/** The domain in ASCII (IDNA), the local part as it is; undefined for what is no address. */
export function pathOf(address: string): string | undefined {
  const domain = ADDRESS.exec(address)?.[1];
  if (domain === undefined) return undefined;
  const ascii = domainToASCII(domain);
  return ascii === '' ? undefined : `${address.slice(0, address.lastIndexOf('@'))}@${ascii}`;
}

/** Commas apart that stand in quotes. */
const ENTRY = /(?:"(?:[^"\\]|\\.)*"|[^",])+/g;
/** `"Ana, of Wien" <ana@example.com>` or `Ana <ana@example.com>`. Comments and groups are read by nobody alike, so not here. */
const NAMED = /^(?:"((?:[^"\\]|\\.)*)"|([^"<>@,;:\\()]*)) *<([^<>]*)>$/;
/** Longer than any header that a person would read. */
const MAX_LENGTH = 2000;

function mailboxOf(entry: string): Mailbox | undefined {
  const named = NAMED.exec(entry);
  const address = pathOf(named?.[3] ?? entry);
  const name = named?.[1]?.replace(/\\(.)/g, '$1') ?? named?.[2] ?? '';
  return address === undefined ? undefined : { name: name.trim(), address };
}

/**
 * Reads an address list as RFC 5322 writes it (`Ana <ana@example.com>`, several with commas). `invalid_header`: it holds a control,
 * so it could have become another header; `invalid_address`: it does not say for certain whom it names.
 */
export function parseMailboxes(text: string): readonly Mailbox[] | 'invalid_header' | 'invalid_address' {
  if (hasControl(text)) return 'invalid_header';
  if (text.length > MAX_LENGTH) return 'invalid_address';
  const entries = text.match(ENTRY) ?? [];
  const mailboxes = entries.map((entry) => mailboxOf(entry.trim())).filter((one) => one !== undefined);
  const whole = entries.join(',').length === text.length;
  return whole && mailboxes.length > 0 && mailboxes.length === entries.length ? mailboxes : 'invalid_address';
}

/** A name that came in encoded words stays in them. */
const ENCODED_NAME = /^=\?[\w-]+\?[BQ]\?[!->@-~]*\?=(?: =\?[\w-]+\?[BQ]\?[!->@-~]*\?=)*$/i;

/** A display name as a phrase (RFC 5322 3.2.5): as it is, quoted, or in encoded words (which may not stand in quotes). */
function phrase(name: string, column: number): string {
  if (ENCODED_NAME.test(name)) return name.replaceAll(' ', '\r\n ');
  if (PLAIN_NAME.test(name) && name.length <= 60) return name;
  return /^[\x20-\x7e]{1,60}$/.test(name) && !name.includes('=?') ? `"${name.replace(/["\\]/g, '\\$&')}"` : encodedWords(name, column);
}

/** The value of an address field; each address after the first on a line of its own. */
export function formatMailboxes(field: string, mailboxes: readonly Mailbox[]): string {
  return mailboxes
    .map(({ name, address }, index) => {
      if (name === '') return address;
      const words = phrase(name, index === 0 ? field.length + 2 : 1);
      const column = words.length - (words.lastIndexOf('\n') + 1);
      return column + address.length > 66 ? `${words}\r\n <${address}>` : `${words} <${address}>`;
    })
    .join(',\r\n ');
}
