/** A header field as it travels, folded, without its last CRLF. */
export type HeaderField = { readonly name: string; readonly value: string };

/** RFC 5322 3.6.8. */
const FIELD_NAME = /^[\x21-\x39\x3b-\x7e]{1,76}$/;
/** What would end a field, or a string in a careless parser: all controls but the tab. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const PRINTABLE = /^[\t\x20-\x7e]*$/;
/** RFC 5322 2.1.1: recommended and allowed, without CRLF. */
const FOLD_AT = 76;
const LONGEST_LINE = 998;
/** RFC 2047 2: an encoded word has at most 75 characters, of which `=?UTF-8?B?` and `?=` take 12; a line that holds one has at most 76. */
const WORD = { length: 75, wrapping: 12, line: 76, least: 12 } as const;

/** Fields that the composer itself writes or that belong to relays: a caller's would contradict them. */
const OWN = new Set([
  ...['from', 'to', 'reply-to', 'subject', 'date', 'message-id', 'mime-version', 'bcc', 'sender'],
  ...['received', 'return-path', 'dkim-signature', 'arc-seal', 'arc-message-signature', 'arc-authentication-results'],
]);

export const hasControl = (text: string): boolean => CONTROL.test(text);
/** Whether a caller may set this field to this value. */
export const isAllowedField = (name: string, value: string): boolean => {
  const lower = name.toLowerCase();
  return FIELD_NAME.test(name) && !CONTROL.test(value) && !OWN.has(lower) && !lower.startsWith('content-') && !lower.startsWith('resent-');
};

const asQ = (bytes: Buffer): string =>
  bytes
    .toString('latin1')
    .replace(/[^A-Za-z0-9!*+/-]/g, (char) => (char === ' ' ? '_' : `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`));

/** `Q` while it is readable and fits, else `B`. */
function encodedWord(bytes: Buffer, room: number): string {
  const q = `=?UTF-8?Q?${asQ(bytes)}?=`;
  return q.length <= room ? q : `=?UTF-8?B?${bytes.toString('base64')}?=`;
}

/**
 * RFC 2047: words that each stand on a line of their own, none cutting a character; also good as a phrase before an address.
 * `column`: how much of the first line is taken.
 */
export function encodedWords(text: string, column: number): string {
  const bytes = Buffer.from(text, 'utf8');
  const words: string[] = [];
  for (let from = 0; from < bytes.length;) {
    const room = Math.min(WORD.length, Math.max(WORD.line - (words.length === 0 ? column : 1), WORD.wrapping + WORD.least));
    let to = Math.min(from + Math.floor((room - WORD.wrapping) / 4) * 3, bytes.length);
    while (to < bytes.length && ((bytes[to] ?? 0) & 0xc0) === 0x80) to -= 1;
    words.push(encodedWord(bytes.subarray(from, to), room));
    from = to;
  }
  return words.join('\r\n ');
}

/** Breaks before single blanks, so that unfolding (RFC 5322 2.2.3) gives the text back, whatever a parser does with runs of blanks. */
function fold(text: string, firstColumn: number): string {
  const words = text.split(/(?<=\S)(?= \S)/);
  let column = firstColumn;
  let out = '';
  for (const word of words) {
    if (out !== '' && column + word.length > FOLD_AT) {
      out += '\r\n';
      column = 0;
    }
    out += word;
    column += word.length;
  }
  return out;
}

const hasLongLine = (text: string): boolean =>
  text.length > LONGEST_LINE && text.split('\r\n').some((line) => line.length > LONGEST_LINE - 77);

/** Text that a parser might take for something else than it says: encoded words, or blanks that folding would lose. */
const AMBIGUOUS = /=\?|^[ \t]|[ \t]$|[ \t]{2}|\t/;

/**
 * A field of free text (RFC 5322 3.6.5, RFC 2047): as it is where it is short and plain, folded where it is long, in encoded words
 * where it is not ASCII. The value is free of controls (`isAllowedField`).
 */
export function unstructured(name: string, text: string): HeaderField {
  if (!PRINTABLE.test(text) || AMBIGUOUS.test(text)) return { name, value: encodedWords(text, name.length + 2) };
  if (name.length + 2 + text.length <= FOLD_AT) return { name, value: text };
  const folded = fold(text, name.length + 2);
  return { name, value: hasLongLine(folded) ? encodedWords(text, name.length + 2) : folded };
}

/** A field whose grammar we know to be ASCII tokens and blanks (Message-ID, List-Unsubscribe): folded, never encoded. */
export const structured = (name: string, text: string): HeaderField => ({
  name,
  value: name.length + 2 + text.length <= FOLD_AT ? text : fold(text, name.length + 2),
});

export const fieldLine = (field: HeaderField): string => `${field.name}: ${field.value}\r\n`;
