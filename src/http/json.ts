/** Deeper than any body of ours; what is deeper could only be meant to exhaust a stack. */
export const MAX_DEPTH = 64;

export type ParsedJson = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

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

function keyFault(keys: Set<string>, name: string): string | undefined {
  if (name === '__proto__') return 'a member must not be called __proto__';
  if (keys.has(name)) return 'a member stands twice in one object';
  keys.add(name);
  return undefined;
}

/** What valid JSON may still do to its readers: nest too deep, name a member twice (the last would win unseen) or call it `__proto__`. */
function faultOf(text: string): string | undefined {
  // One entry per open object or array; null for an array.
  const open: (Set<string> | null)[] = [];
  let key = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        const keys = open.at(-1);
        const fault = key && keys ? keyFault(keys, nameOf(text.slice(at, end))) : undefined;
        if (fault !== undefined) return fault;
        at = end - 1;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        key = text.charCodeAt(at) === OPEN_BRACE;
        if (open.push(key ? new Set() : null) > MAX_DEPTH) return `objects and arrays are nested more than ${MAX_DEPTH} deep`;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop();
        break;
      case COLON:
        key = false;
        break;
      case COMMA:
        key = open.at(-1) !== null;
        break;
      default:
    }
  }
  return undefined;
}

/** An escaped half of a surrogate pair is text of no language, and has no canonical form (RFC 8785). */
function holdsHalfPair(text: string, value: unknown): boolean {
  return /\\u[dD][89a-fA-F]/.test(text) && /(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(JSON.stringify(value));
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
  return fault === undefined ? { ok: true, value } : { ok: false, message: fault };
}
