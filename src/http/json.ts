/** Deeper than any body of ours; what is deeper could only be meant to exhaust a stack. */
export const MAX_DEPTH = 64;

/** `path`: where, as a JSON Pointer (RFC 6901), if it is one member that is at fault; it holds names that the sender chose. */
export type ParsedJson =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string; readonly path?: string };

const BACKSLASH = 92;

/** The place after the string that starts at `from`, in valid JSON. */
function endOfString(text: string, from: number): number {
  let at = text.indexOf('"', from + 1);
  while (at > 0) {
    let before = at - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 1) return at + 1;
    at = text.indexOf('"', at + 1);
  }
  return text.length;
}

const nameOf = (raw: string): string => (raw.includes('\\') ? String(JSON.parse(raw)) : raw.slice(1, -1));

/** Walks valid JSON from one structural character to the next; text between them holds none. */
const STRUCTURE = /["{}[\],:]/g;

/** Of the object or array that is open: its names so far, null for an array, and whether a string would be a name now. */
type Level = { readonly names: Set<string> | null; naming: boolean };

function nameFault({ names, naming }: Level | undefined = { names: null, naming: false }, raw: string): string | undefined {
  if (!naming || names === null) return undefined;
  const name = nameOf(raw);
  if (name === '__proto__') return 'a member must not be called __proto__';
  if (names.has(name)) return 'a member stands twice in one object';
  names.add(name);
  return undefined;
}

function step(levels: Level[], char: string | undefined): void {
  const level = levels.at(-1);
  if (char === '{') levels.push({ names: new Set(), naming: true });
  else if (char === '[') levels.push({ names: null, naming: false });
  else if (char === '}' || char === ']') levels.pop();
  else if (level !== undefined) level.naming = char === ',' && level.names !== null;
}

/** What valid JSON may still do to its readers: nest too deep, name a member twice (the last would win unseen) or call it `__proto__`. */
function faultOf(text: string): string | undefined {
  const levels: Level[] = [];
  const structure = new RegExp(STRUCTURE);
  // Not `exec`, which would make an array for each of them.
  while (structure.test(text)) {
    const at = structure.lastIndex - 1;
    if (text[at] === '"') {
      const end = endOfString(text, at);
      const fault = nameFault(levels.at(-1), text.slice(at, end));
      if (fault !== undefined) return fault;
      structure.lastIndex = end;
    } else {
      step(levels, text[at]);
      if (levels.length > MAX_DEPTH) return `objects and arrays are nested more than ${MAX_DEPTH} deep`;
    }
  }
  return undefined;
}

/** An escaped half of a surrogate pair is text of no language, and has no canonical form (RFC 8785). */
function holdsHalfPair(text: string, value: unknown): boolean {
  return /\\u[dD][89a-fA-F]/.test(text) && /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(JSON.stringify(value));
}

/** Only a number spelt like this can be beyond a double. */
const HUGE = /\d[eE]\+?\d{3}|\d{200}/;
const pointerTo = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** Where a number is that no double holds: it was read as infinity, which JSON cannot say again. */
function endlessIn(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : '';
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    const below = endlessIn(member);
    if (below !== undefined) return pointerTo(name) + below;
  }
  return undefined;
}

/** Parses JSON (RFC 8259) that came from outside. The message never quotes the text. */
export function parseJson(text: string): ParsedJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const place = /position (\d+)/.exec(error.message)?.[1];
    return { ok: false, message: place === undefined ? 'it is not JSON' : `it is not JSON, from character ${place} on` };
  }
  const fault = faultOf(text) ?? (holdsHalfPair(text, value) ? 'a string holds half of a surrogate pair' : undefined);
  if (fault !== undefined) return { ok: false, message: fault };
  const path = HUGE.test(text) ? endlessIn(value) : undefined;
  return path === undefined ? { ok: true, value } : { ok: false, message: 'a number is beyond what a double holds (IEEE 754)', path };
}
