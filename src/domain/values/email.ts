import { reject } from '../kernel/rejection.ts';
import type { Rejection } from '../kernel/rejection.ts';

/** An e-mail address in two forms: as it is sent to, and as two spellings of one mailbox are recognised. Both are personal data. */
export type EmailAddress = {
  /** NFC; the local part as given (case counts to the receiver, RFC 5321 2.4), the domain in lower-case ASCII (IDNA, UTS 46). */
  readonly address: string;
  /** `address` with a lower-cased local part: what is hashed for look-ups. */
  readonly key: string;
  readonly domain: string;
  /** Whether the local part needs SMTPUTF8 (RFC 6531). */
  readonly international: boolean;
};

/** Goes up when `key` changes for an address that was accepted before; stored beside every hash of one. */
export const EMAIL_NORMALISATION = 1;

/** RFC 5321 4.5.3.1: octets. A path is 256 with its angle brackets. */
const MAX = { local: 64, domain: 253, label: 63, address: 254 } as const;
/** dot-atom of RFC 5322, with everything printable beyond ASCII (RFC 6532). Quoted local parts are legal and nobody has one. */
const LOCAL = /^[a-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+)*$/iu;
/** What may go into a domain before IDNA; keeps the URL parser below from seeing ports, paths, escapes or brackets. */
const DOMAIN = /^[a-z0-9.\u0080-\u{10ffff}-]+$/iu;
const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** Controls, format characters (bidi, zero width), unassigned, separators: invisible in an address that a person compares by eye. */
const INVISIBLE = /[\p{C}\p{Z}]/u;
const ASCII = /^[\x21-\x7e]+$/;

const refuse = (detail: string): Rejection<'invalid_email'> => reject('invalid_email', detail);

/** Octets of UTF-8, without an encoder: lengths of RFC 5321 are in octets. */
function octets(text: string): number {
  if (ASCII.test(text)) return text.length;
  let sum = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    sum += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return sum;
}

/** Millions of addresses have a few domains: the last so many of what was found out about one are kept. */
const KEPT_DOMAINS = 1_000;
const domains = new Map<string, string | undefined>();

function asciiDomain(domain: string): string | undefined {
  const known = domains.get(domain);
  if (known !== undefined || domains.has(domain)) return known;
  const found = parseDomain(domain);
  if (domains.size >= KEPT_DOMAINS) domains.clear();
  domains.set(domain, found);
  return found;
}

/** UTS 46 through the WHATWG host parser, which is pure; it also reads `1.2` as an IPv4 address, so a last label of digits is refused. */
function parseDomain(domain: string): string | undefined {
  if (!DOMAIN.test(domain) || !URL.canParse(`http://${domain}/`)) return undefined;
  const host = new URL(`http://${domain}/`).hostname;
  const labels = host.split('.');
  const wellFormed =
    labels.length > 1 && host.length <= MAX.domain && labels.every((label) => label.length <= MAX.label && LABEL.test(label));
  return wellFormed && !/^\d+$/.test(labels.at(-1) ?? '') ? host : undefined;
}

/**
 * Parses and normalises one address (`local@domain`, no display name, no comment, no address literal). Blanks around it are
 * dropped. The refusal never repeats the address.
 */
export function parseEmail(text: string): EmailAddress | Rejection<'invalid_email'> {
  const trimmed = text.replace(/^ +| +$/g, '').normalize('NFC');
  if (trimmed.length > MAX.address * 2) return refuse('an address has at most 254 octets (RFC 5321)');
  const at = trimmed.lastIndexOf('@');
  if (at < 1) return refuse('write the address as local@domain');
  if (INVISIBLE.test(trimmed)) return refuse('the address holds blanks or invisible characters');
  const local = trimmed.slice(0, at);
  if (!LOCAL.test(local) || octets(local) > MAX.local)
    return refuse('the part before the @ is not a dot-atom of at most 64 octets (RFC 5322)');
  const domain = asciiDomain(trimmed.slice(at + 1));
  if (domain === undefined) return refuse('the part after the @ is not a domain name');
  const address = `${local}@${domain}`;
  if (octets(address) > MAX.address) return refuse('an address has at most 254 octets (RFC 5321)');
  return { address, key: `${local.toLowerCase().normalize('NFC')}@${domain}`, domain, international: !ASCII.test(local) };
}
