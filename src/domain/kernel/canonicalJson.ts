/** What JSON.stringify would write unchanged between quotes. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

function textOf(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (LONE_SURROGATE.test(text)) throw new TypeError('no canonical JSON: a lone surrogate');
  return JSON.stringify(text);
}

function numberOf(number: number): string {
  if (!Number.isFinite(number)) throw new TypeError('no canonical JSON: a number that is not finite');
  return String(number === 0 ? 0 : number);
}

function membersOf(value: object): string {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  // Default order of strings is by UTF-16 code units, which is what the RFC asks for.
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  let text = '';
  for (const [name, member] of members) text += `${text === '' ? '' : ','}${textOf(name)}:${canonicalJson(member)}`;
  return `{${text}}`;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Canonical JSON (RFC 8785, JCS): equal values give equal text, whatever the order of their members. A member that is undefined is
 * left out, as JSON.stringify does.
 * @throws TypeError for what JSON cannot say: numbers that are not finite, lone surrogates, bigint, undefined in an array, instances.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return textOf(value);
    case 'number':
      return numberOf(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
      if (isPlain(value)) return membersOf(value);
      throw new TypeError('no canonical JSON: an instance of a class');
    default:
      throw new TypeError(`no canonical JSON: ${typeof value}`);
  }
}
