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

type Members = Readonly<Record<string, unknown>>;

function membersOf(members: Members): string {
  let text = '';
  // The default order of strings is by UTF-16 code units, which is what the RFC asks for.
  for (const name of Object.keys(members).sort()) {
    const member = members[name];
    if (member !== undefined) text += `${text === '' ? '' : ','}${textOf(name)}:${canonicalJson(member)}`;
  }
  return `{${text}}`;
}

function arrayOf(elements: readonly unknown[]): string {
  let text = '';
  // By index: what is missing in a sparse array must not be skipped.
  for (let index = 0; index < elements.length; index += 1) text += `${index === 0 ? '' : ','}${canonicalJson(elements[index])}`;
  return `[${text}]`;
}

function isPlain(value: object): value is Members {
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
      if (Array.isArray(value)) return arrayOf(value);
      if (isPlain(value)) return membersOf(value);
      throw new TypeError('no canonical JSON: an instance of a class');
    default:
      throw new TypeError(`no canonical JSON: ${typeof value}`);
  }
}
