import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** X.509 (RFC 5280) in as much DER as a test's TLS needs, so that no certificate is kept in the repository and none can expire. */
const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const integer = (value: number): Buffer => der(0x02, Buffer.from([value]));
const time = (date: Date): Buffer => der(0x18, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, '')));
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const name = (commonName: string): Buffer => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))));
const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x01, Buffer.from([255])), der(0x04, value));
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`;
const DAY = 86_400_000;

type Subject = {
  readonly commonName: string;
  readonly key: KeyObject;
  readonly ca: boolean;
  readonly hosts: readonly string[];
  readonly ageDays?: number;
};

function certificate(subject: Subject, issuer: { readonly commonName: string; readonly key: KeyObject }, publicKey: KeyObject): string {
  const from = new Date(Date.now() - (subject.ageDays ?? 1) * DAY);
  const sans = subject.hosts.map((host) =>
    /^[\d.]+$/.test(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  );
  const extensions = [
    extension('551d13', subject.ca ? sequence(der(0x01, Buffer.from([255]))) : sequence()),
    ...(sans.length === 0 ? [] : [extension('551d11', sequence(...sans))]),
  ];
  const body = sequence(
    der(0xa0, integer(2)),
    integer(subject.ca ? 1 : 2),
    ECDSA_SHA256,
    name(issuer.commonName),
    sequence(time(from), time(new Date(from.getTime() + 30 * DAY))),
    name(subject.commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, issuer.key);
  return pem('CERTIFICATE', sequence(body, ECDSA_SHA256, der(0x03, Buffer.from([0]), signature)));
}

const keys = () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey: pair.publicKey, privateKey: createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })) };
};

/** An authority that was made a moment ago, and what it vouches for. */
export function authority(): {
  readonly ca: string;
  readonly issue: (hosts: readonly string[], how?: { readonly ageDays?: number }) => { readonly cert: string; readonly key: string };
} {
  const root = keys();
  const issuer = { commonName: 'Test authority', key: root.privateKey };
  return {
    ca: certificate({ commonName: 'Test authority', key: root.privateKey, ca: true, hosts: [] }, issuer, root.publicKey),
    issue: (hosts, how = {}) => {
      const own = keys();
      const subject = { commonName: hosts[0] ?? 'none', key: own.privateKey, ca: false, hosts, ...how };
      return {
        cert: certificate(subject, issuer, own.publicKey),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}
