import { createHash, createPublicKey, verify } from 'node:crypto';

/**
 * A verifier of DKIM signatures (RFC 6376 section 6, RFC 8463) written from the text of the standards, apart from the signer, and
 * itself checked against the example of RFC 8463. `keys`: `<selector>._domainkey.<domain>` → the TXT record.
 */
export function verifyDkim(raw: string, keys: Readonly<Record<string, string>>): readonly string[] {
  const end = raw.indexOf('\r\n\r\n');
  const fields = raw
    .slice(0, end)
    .split(/\r\n(?=[^ \t])/)
    .map((field) => ({ name: field.slice(0, field.indexOf(':')).trim().toLowerCase(), value: field.slice(field.indexOf(':') + 1) }));
  return fields.filter(({ name }) => name === 'dkim-signature').map((field) => verdict(field.value, fields, raw.slice(end + 4), keys));
}

type Field = { readonly name: string; readonly value: string };
const tagsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text
      .split(';')
      .filter((tag) => tag.trim() !== '')
      .map((tag) => [tag.slice(0, tag.indexOf('=')).trim(), tag.slice(tag.indexOf('=') + 1).trim()]),
  );
const solid = (text: string | undefined): string => (text ?? '').replace(/\s+/g, '');

/** RFC 6376 3.4.2, step by step. */
function relaxedHeader({ name, value }: Field): string {
  const unfolded = value.split('\r\n').join('');
  const words = unfolded.split(/[ \t]+/);
  return `${name}:${words.join(' ').trim()}`;
}

/** RFC 6376 3.4.4, line by line. */
function relaxedBody(body: string): string {
  const lines = body.split('\r\n').map((line) => line.replace(/[ \t]+$/, '').replace(/[ \t]+/g, ' '));
  while (lines.at(-1) === '') lines.pop();
  return lines.map((line) => `${line}\r\n`).join('');
}

function verdict(signature: string, fields: readonly Field[], body: string, keys: Readonly<Record<string, string>>): string {
  const tags = tagsOf(signature.split('\r\n').join(''));
  if (tags.get('v') !== '1' || tags.get('c') !== 'relaxed/relaxed') return 'unsupported';
  const bodyHash = createHash('sha256').update(relaxedBody(body), 'latin1').digest('base64');
  if (bodyHash !== solid(tags.get('bh'))) return 'body hash differs';
  const left = [...fields].reverse();
  const signed = solid(tags.get('h'))
    .toLowerCase()
    .split(':')
    .map((name) => {
      const index = left.findIndex((field) => field.name === name);
      const [field] = index < 0 ? [] : left.splice(index, 1);
      return field === undefined ? '' : `${relaxedHeader(field)}\r\n`;
    });
  const unsigned = signature.replace(/(b=)[^;]*$/, '$1');
  const text = `${signed.join('')}${relaxedHeader({ name: 'dkim-signature', value: unsigned })}`;
  const record = tagsOf(keys[`${tags.get('s') ?? ''}._domainkey.${tags.get('d') ?? ''}`] ?? '');
  const bytes = Buffer.from(solid(record.get('p')), 'base64');
  const given = Buffer.from(solid(tags.get('b')), 'base64');
  if (tags.get('a') === 'rsa-sha256') {
    const key = createPublicKey({ key: bytes, format: 'der', type: 'spki' });
    return verify('sha256', Buffer.from(text, 'latin1'), key, given) ? `${tags.get('d')} rsa` : 'signature does not fit';
  }
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' });
  const digest = createHash('sha256').update(text, 'latin1').digest();
  return verify(null, digest, key, given) ? `${tags.get('d')} ed25519` : 'signature does not fit';
}
