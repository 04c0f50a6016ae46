/** A text part as it travels: ASCII, CRLF between lines, no line over 998 octets; no CRLF is added at its end. */
export type EncodedBody = { readonly encoding: '7bit' | 'quoted-printable' | 'base64'; readonly text: string };

const SEVEN_BIT = /^[\t\r\n\x20-\x7e]*$/;
/** RFC 5322 2.1.1, without CRLF. */
const LONGEST_LINE = 998;
/** RFC 2045 6.7 and 6.8, without CRLF. */
const ENCODED_LINE = 76;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const EQUALS = 61;
const HEX = Buffer.from('0123456789ABCDEF', 'latin1');

/** RFC 2045 6.8: base64 in lines of 76 characters. */
const base64Lines = (bytes: Buffer): string => (bytes.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n');

/** Every CR LF, lone CR and lone LF is one line break: a bare one must not reach SMTP (RFC 5321 2.3.8). */
export const withCrlf = (text: string): string =>
  text.includes('\r') ? text.replace(/\r\n|\r|\n/g, '\r\n') : text.includes('\n') ? text.replaceAll('\n', '\r\n') : text;

function hasLongLine(text: string): boolean {
  let from = 0;
  while (text.length - from > LONGEST_LINE) {
    const end = text.indexOf('\r\n', from);
    if (end < 0 || end - from > LONGEST_LINE) return true;
    from = end + 2;
  }
  return false;
}

/** Whether a blank at `at` ends its line, where relays may drop it. */
const endsLine = (bytes: Buffer, at: number): boolean => at + 1 === bytes.length || bytes[at + 1] === CR;

function isLiteral(bytes: Buffer, at: number): boolean {
  const byte = bytes[at] ?? 0;
  return byte === SPACE || byte === TAB ? !endsLine(bytes, at) : byte > SPACE && byte < 127 && byte !== EQUALS;
}

/** RFC 2045 6.7, over UTF-8 with CRLF line breaks. A byte at a time: this is where personalised mail spends its time. */
function quotedPrintable(bytes: Buffer): string {
  const out = Buffer.allocUnsafe(bytes.length * 3 + Math.ceil((bytes.length * 3) / (ENCODED_LINE - 3)) * 3);
  let to = 0;
  let column = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === CR) {
      out[to++] = CR;
      out[to++] = LF;
      at += 1;
      column = 0;
      continue;
    }
    const literal = isLiteral(bytes, at);
    const width = literal ? 1 : 3;
    // one column stays free for the `=` of a soft break
    if (column + width > ENCODED_LINE - 1) {
      out[to++] = EQUALS;
      out[to++] = CR;
      out[to++] = LF;
      column = 0;
    }
    if (literal) {
      out[to++] = byte;
    } else {
      out[to++] = EQUALS;
      out[to++] = HEX[byte >> 4] ?? 0;
      out[to++] = HEX[byte & 15] ?? 0;
    }
    column += width;
  }
  return out.toString('latin1', 0, to);
}

/**
 * Encodes a part for every relay: plain where it is short-lined ASCII without `marker` (the boundary's, which can't occur in the
 * encoded forms), else whichever of quoted-printable and base64 is shorter. Never 8bit: a relay that converts it would break the
 * signature (RFC 6376 5.3).
 */
export function encodeBody(content: string, marker: string): EncodedBody {
  const text = withCrlf(content);
  const ascii = SEVEN_BIT.test(text);
  if (ascii && !hasLongLine(text) && !text.includes(marker)) return { encoding: '7bit', text };
  const bytes = Buffer.from(text, 'utf8');
  // beyond ASCII each byte costs three in quoted-printable, and four thirds in base64
  const beyond = ascii ? 0 : bytes.length - text.replace(/[^\x00-\x7f]/g, '').length;
  return beyond * 6 > bytes.length
    ? { encoding: 'base64', text: base64Lines(bytes) }
    : { encoding: 'quoted-printable', text: quotedPrintable(bytes) };
}
