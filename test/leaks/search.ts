import { needlesOf, type Canary, type Needle } from './canary.ts';

/** `around`: what stands about it, for whoever has to find out why. */
export type Finding = { readonly what: string; readonly form: string; readonly place: string; readonly around: string };
export type Search = (place: string, bytes: Buffer) => readonly Finding[];

/** Below that chance finds it too, in so many bytes of ciphertext. */
const SHORTEST = 7;
const AROUND = 60;
const [EQUALS, CR, LF, BACKSLASH, LETTER_N, LETTER_R] = [0x3d, 0x0d, 0x0a, 0x5c, 0x6e, 0x72];

/** Without line ends (also those that JSON has escaped) and the `=` before them: what MIME folded stands in one piece again. */
export function unfolded(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  const end = (): void => {
    if (length > 0 && out[length - 1] === EQUALS) length -= 1;
  };
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    const next = bytes[at + 1];
    if (byte === LF || byte === CR) end();
    else if (byte === BACKSLASH && (next === LETTER_N || next === LETTER_R)) {
      end();
      at += 1;
    } else out[length++] = byte;
  }
  return out.subarray(0, length);
}

type Index = { readonly starts: Uint8Array; readonly needles: ReadonlyMap<number, readonly Needle[]> };
/** Needles by their first three bytes: one look at each place of what is searched, however many needles there are. */
function indexOf(needles: readonly Needle[]): Index {
  const starts = new Uint8Array(1 << 24);
  const byStart = new Map<number, Needle[]>();
  for (const needle of needles) {
    const start = needle.bytes.readUIntBE(0, 3);
    starts[start] = 1;
    byStart.set(start, [...(byStart.get(start) ?? []), needle]);
  }
  return { starts, needles: byStart };
}

function* hits({ starts, needles }: Index, bytes: Buffer): Generator<readonly [Needle, number]> {
  let last = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    last = ((last << 8) | (bytes[at] ?? 0)) & 0xffffff;
    if (starts[last] !== 1 || at < 2) continue;
    const from = at - 2;
    for (const needle of needles.get(last) ?? [])
      if (bytes.compare(needle.bytes, 0, needle.bytes.length, from, Math.min(from + needle.bytes.length, bytes.length)) === 0)
        yield [needle, from];
  }
}

/** Looks for all canaries in all their forms; each is told once a place, in the first form that was met. */
export function searchFor(canaries: readonly Canary[]): Search {
  const needles = canaries.flatMap(needlesOf);
  const short = needles.find(({ bytes }) => bytes.length < SHORTEST);
  if (short !== undefined) throw new RangeError(`${short.what} is too short in the form ${short.form} to be told from chance`);
  const index = indexOf(needles);
  return (place, bytes) => {
    const found = new Map<string, Finding>();
    for (const text of [bytes, unfolded(bytes)])
      for (const [{ what, form }, at] of hits(index, text)) {
        if (found.has(`${what} ${form}`)) continue;
        const around = text.subarray(Math.max(0, at - AROUND), at + AROUND).toString('latin1');
        found.set(`${what} ${form}`, { what, form, place, around: around.replace(/[^\x20-\x7e]/g, '·') });
      }
    return [...found.values()];
  };
}
