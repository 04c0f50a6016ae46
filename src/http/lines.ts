import { parseJson } from './json.ts';

/** One line of an NDJSON body. `index` counts lines that are not blank, from 0; `raw`: as it was sent, empty where it can't be kept. */
export type Line = { readonly index: number; readonly raw: string } & (
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: 'malformed_json' | 'body_too_large'; readonly detail: string }
);

const NEWLINE = 10;

/** A carry of bytes up to the next newline, bounded: of a line that is too long only the fact is kept. */
type Carry = { parts: Uint8Array[]; size: number; tooLong: boolean };

/**
 * NDJSON from a stream of bytes, in groups of at most `groupOf` lines: what has come is handed on at once, and the stream is not
 * read further until the group was taken, so the reader's pace reaches the sender's socket.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  limits: { readonly lineBytes: number; readonly groupOf: number },
): AsyncGenerator<readonly Line[]> {
  const carry: Carry = { parts: [], size: 0, tooLong: false };
  let index = 0;
  let group: Line[] = [];
  for await (const chunk of chunks) {
    for (const line of split(chunk, carry, limits.lineBytes)) {
      const read = readLine(line, index, limits.lineBytes);
      if (read === undefined) continue;
      index += 1;
      group.push(read);
      if (group.length < limits.groupOf) continue;
      yield group;
      group = [];
    }
    if (group.length === 0) continue;
    yield group;
    group = [];
  }
  const last = readLine(taken(carry), index, limits.lineBytes);
  if (last !== undefined) yield [last];
}

function* split(chunk: Uint8Array, carry: Carry, lineBytes: number): Generator<Uint8Array | 'too_long'> {
  let from = 0;
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
    keep(chunk.subarray(from, at), carry, lineBytes);
    yield taken(carry);
    from = at + 1;
  }
  keep(chunk.subarray(from), carry, lineBytes);
}

function keep(part: Uint8Array, carry: Carry, lineBytes: number): void {
  carry.size += part.length;
  carry.tooLong ||= carry.size > lineBytes;
  if (carry.tooLong) carry.parts = [];
  else if (part.length > 0) carry.parts.push(part);
}

function taken(carry: Carry): Uint8Array | 'too_long' {
  const line = carry.tooLong ? 'too_long' : carry.parts.length === 1 && carry.parts[0] ? carry.parts[0] : Buffer.concat(carry.parts);
  carry.parts = [];
  carry.size = 0;
  carry.tooLong = false;
  return line;
}

function readLine(line: Uint8Array | 'too_long', index: number, lineBytes: number): Line | undefined {
  if (line === 'too_long') return { index, raw: '', ok: false, code: 'body_too_large', detail: `A line has at most ${lineBytes} bytes.` };
  const text = decodeUtf8(line);
  if (text === undefined)
    return { index, raw: Buffer.from(line).toString('base64'), ok: false, code: 'malformed_json', detail: 'The line is not UTF-8.' };
  if (text.trim() === '') return undefined;
  const parsed = parseJson(text);
  return parsed.ok
    ? { index, raw: text, ok: true, value: parsed.value }
    : { index, raw: text, ok: false, code: 'malformed_json', detail: `Correct the line: ${parsed.message}.` };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Nothing where the bytes are not UTF-8: a replaced character would be somebody else's name. A byte order mark is dropped. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
