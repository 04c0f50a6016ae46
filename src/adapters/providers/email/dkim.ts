import { createHash, createPrivateKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { PortError } from '../../../domain/kernel/portError.ts';
import type { HeaderField } from './headerFields.ts';

/** A signing key of RFC 6376 (RSA) or RFC 8463 (Ed25519). */
export type DkimKey = { readonly domain: string; readonly selector: string; /** PKCS 8 or PKCS 1, PEM. */ readonly privateKey: string };

/** Signs what it is given with every key whose domain is that of `from` or above it, so that the signature aligns (RFC 7489). */
export interface DkimSigner {
  /** The `bh` of a body in CRLF lines, one character per octet. */
  bodyHash(body: string): string;
  /** `fields` in their order of appearance; `at`: milliseconds since the epoch. */
  sign(mail: {
    readonly fields: readonly HeaderField[];
    readonly bodyHash: string;
    readonly fromDomain: string;
    readonly at: number;
  }): Promise<readonly HeaderField[]>;
}

/** RFC 6376 5.4.1 and RFC 8058 4: what a reader sees or acts on. */
const SIGNED = new Set([
  ...['from', 'to', 'reply-to', 'cc', 'subject', 'date', 'message-id', 'in-reply-to', 'references', 'mime-version', 'content-type'],
  ...['content-transfer-encoding', 'list-unsubscribe', 'list-unsubscribe-post', 'list-id', 'list-help'],
]);
/** Listed once more than they occur, so that nobody can add one (RFC 6376 8.15). */
const SEALED = ['from', 'to', 'reply-to', 'subject', 'date', 'content-type'];

const sha256 = (text: string): Buffer => createHash('sha256').update(text, 'latin1').digest();

/** RFC 6376 3.4.2. */
const relaxedValue = (value: string): string =>
  value
    .replaceAll('\r\n', '')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '');

/** RFC 6376 3.4.4. */
function relaxedBody(body: string): string {
  const squeezed = body
    .replace(/[ \t]+\r\n/g, '\r\n')
    .replace(/[ \t]+$/, '')
    .replace(/[ \t]+/g, ' ');
  let end = squeezed.length;
  while (end >= 2 && squeezed.endsWith('\r\n', end)) end -= 2;
  return end === 0 ? '' : `${squeezed.slice(0, end)}\r\n`;
}

type Loaded = {
  readonly domain: string;
  readonly selector: string;
  readonly key: KeyObject;
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256';
};

function load({ domain, selector, privateKey }: DkimKey): Loaded {
  try {
    const key = createPrivateKey(privateKey);
    if (key.asymmetricKeyType === 'rsa') return { domain: domain.toLowerCase(), selector, key, algorithm: 'rsa-sha256' };
    if (key.asymmetricKeyType === 'ed25519') return { domain: domain.toLowerCase(), selector, key, algorithm: 'ed25519-sha256' };
  } catch {
    // the parser's message may quote the key
  }
  throw new PortError('invalid', 'dkim_key_invalid', 'a DKIM key must be an RSA or Ed25519 private key in PEM');
}

/** In the thread pool: an RSA signature takes as long as composing ten mails. */
const signAsync = ({ key, algorithm }: Loaded, text: string): Promise<string> =>
  new Promise((resolve, refuse) => {
    const [hash, data] = algorithm === 'rsa-sha256' ? (['sha256', Buffer.from(text, 'latin1')] as const) : ([null, sha256(text)] as const);
    sign(hash, data, key, (error, signature) => {
      if (error === null) resolve(signature.toString('base64'));
      else refuse(error);
    });
  });

/** @throws PortError `invalid`, `dkim_key_invalid`. */
export function dkimSigner(keys: readonly DkimKey[]): DkimSigner {
  const loaded = keys.map(load);
  return {
    bodyHash: (body) => sha256(relaxedBody(body)).toString('base64'),
    sign: async ({ fields, bodyHash, fromDomain, at }) => {
      const aligned = loaded.filter(({ domain }) => fromDomain === domain || fromDomain.endsWith(`.${domain}`));
      if (aligned.length === 0) return [];
      // verifiers take instances of a name from the bottom up (RFC 6376 5.4.2)
      const signed = fields.filter(({ name }) => SIGNED.has(name.toLowerCase())).reverse();
      const names = [...signed.map(({ name }) => name.toLowerCase()), ...SEALED];
      const canonical = signed.map(({ name, value }) => `${name.toLowerCase()}:${relaxedValue(value)}\r\n`).join('');
      return Promise.all(
        aligned.map(async (key) => {
          const tags = [
            `v=1; a=${key.algorithm}; c=relaxed/relaxed; d=${key.domain}; s=${key.selector}; t=${Math.floor(at / 1000)};`,
            `h=${names.join(':').replace(/(.{1,70}):/g, '$1:\r\n ')};`,
            `bh=${bodyHash};`,
            'b=',
          ].join('\r\n ');
          const signature = await signAsync(key, `${canonical}dkim-signature:${relaxedValue(tags)}`);
          return { name: 'DKIM-Signature', value: tags + signature.replace(/.{72}(?=.)/g, '$&\r\n ') };
        }),
      );
    },
  };
}
