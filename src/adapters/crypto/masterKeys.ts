import { randomBytes } from 'node:crypto';
import { PortError } from '../../domain/kernel/portError.ts';
import { decrypt, encrypt } from './aesGcm.ts';

/** The keys that wrap all other keys: the first wraps, all unwrap. They never enter a database. */
export type MasterKeys = { readonly first: string; readonly byId: ReadonlyMap<string, Buffer> };

/** A key as it is stored: encrypted under the master key of that id. */
export type WrappedKey = { readonly masterId: string; readonly wrapped: Buffer };

const ENTRY = /^([A-Za-z0-9_.-]{1,64}):([A-Za-z0-9+/_-]{43}=?)$/;

const invalid = (message: string): PortError => new PortError('invalid', 'master_keys_invalid', message);

/**
 * Reads `id:base64,id:base64,…` (32 bytes each, base64 or base64url; blanks and line ends around entries are dropped).
 * @throws PortError `invalid`; the message names the entry by its place and never repeats it.
 */
export function parseMasterKeys(text: string): MasterKeys {
  const byId = new Map<string, Buffer>();
  for (const [index, entry] of text.split(',').entries()) {
    const [, id, encoded] = ENTRY.exec(entry.trim()) ?? [];
    if (id === undefined || encoded === undefined) throw invalid(`master key ${index + 1}: write it as id:base64 of 32 bytes`);
    if (byId.has(id)) throw invalid(`master key ${index + 1}: the id occurs twice`);
    byId.set(id, Buffer.from(encoded, 'base64'));
  }
  const [first] = byId.keys();
  if (first === undefined) throw invalid('no master key');
  return { first, byId };
}

/** A new master key as `TIDINGS_MASTER_KEYS` takes it: `id:base64`, the id naming when it was made. */
export const newMasterKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

/**
 * Encrypts a key under the first master key: AES-256-GCM with a random 96-bit iv, so one master key wraps at most 2^32 keys (NIST SP
 * 800-38D 8.3). `place` names the row it is stored in, so that a wrapped key put into another row does not unwrap.
 */
export function wrap(masters: MasterKeys, key: Buffer, place: string): WrappedKey {
  return { masterId: masters.first, wrapped: encrypt(masterOf(masters, masters.first), key, place) };
}

/** @throws PortError `unavailable` when the master key is not at hand or is another one: an operator's mistake, never an erasure. */
export function unwrap(masters: MasterKeys, { masterId, wrapped }: WrappedKey, place: string): Buffer {
  const key = decrypt(masterOf(masters, masterId), wrapped, place);
  if (key === undefined) throw new PortError('unavailable', 'key_unreadable', `a stored key does not open under master key ${masterId}`);
  return key;
}

function masterOf(masters: MasterKeys, id: string): Buffer {
  const master = masters.byId.get(id);
  if (master === undefined) throw new PortError('unavailable', 'master_key_missing', `master key ${id} is not in TIDINGS_MASTER_KEYS`);
  return master;
}
