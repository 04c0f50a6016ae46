import type { Opened, ToSeal, Vault as VaultPort } from '../../commands/ports.ts';
import type { DataClass, Sealed } from '../../domain/kernel/personal.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { trusted, type SubjectId, type TenantId } from '../../domain/values/ids.ts';
import { decrypt, encrypt } from './aesGcm.ts';
import { blobKeyOf } from './blobKeys.ts';
import { keyMissing, nameOf, type Key, type KeyRef, type KeyStore } from './keyStore.ts';

/** Why nothing more is sealed under a key. */
export type Refused = { readonly refused: 'subject_erased' | 'period_destroyed' };
export const isRefused = (it: object): it is Refused => 'refused' in it;

/** Whose and of which month a blob is: what picks its keys. */
export type Owner = { readonly tenant: TenantId; readonly subject?: SubjectId; readonly class: DataClass; readonly period: string };
export type SealedBytes = { readonly generation: number; readonly bytes: Buffer };

const sealedText = ({ generation, bytes }: SealedBytes): string => `${generation}.${bytes.toString('base64url')}`;

const sealBroken = (): PortError => new PortError('invalid', 'seal_broken', 'a sealed value does not open in this place');

function parseSealed({ sealed, tenant, subject, class: dataClass, period, aad }: Sealed): SealedBytes & Owner & { readonly aad: string } {
  const dot = sealed.indexOf('.');
  const generation = Number(sealed.slice(0, dot));
  if (!Number.isSafeInteger(generation) || (generation === 0) !== (subject === undefined)) throw sealBroken();
  const owner = { tenant: trusted<TenantId>(tenant), class: dataClass, period, ...(subject === undefined ? {} : { subject }) };
  return { ...owner, aad, generation, bytes: Buffer.from(sealed.slice(dot + 1), 'base64url') };
}

/** Sealing over a key store: one statement for all keys of a call, none when they are cached. */
export class Vault implements VaultPort {
  readonly #keys: KeyStore;

  constructor(keys: KeyStore) {
    this.#keys = keys;
  }

  async seal(items: readonly ToSeal[]): Promise<readonly Sealed[]> {
    const tried = await this.trySeal(items);
    return tried.map((it) => {
      if (isRefused(it)) throw new PortError('invalid', it.refused, 'a key that this would be sealed under was destroyed');
      return it;
    });
  }

  /** As `seal`, but what cannot be sealed any more is an answer of its own. */
  async trySeal(items: readonly ToSeal[]): Promise<readonly (Sealed | Refused)[]> {
    const sealed = await this.sealBytes(items.map((item) => ({ ...item, plain: Buffer.from(jsonOf(item.value)) })));
    return items.map(({ tenant, subject, class: dataClass, period, aad }, index) => {
      const it = at(sealed, index);
      if (isRefused(it)) return it;
      return { sealed: sealedText(it), tenant, ...(subject === undefined ? {} : { subject }), class: dataClass, period, aad };
    });
  }

  async open<T>(items: readonly Sealed[]): Promise<readonly Opened<T>[]> {
    const opened = await this.openBytes(items.map(parseSealed));
    // What was sealed as a T is a T: the tag proves that it is what was sealed in this place.
    return opened.map((plain) => (plain === 'erased' ? plain : { value: JSON.parse(plain.toString()) as T }));
  }

  /** In order. @throws PortError `unavailable`. */
  async sealBytes(
    items: readonly (Owner & { readonly plain: Uint8Array; readonly aad: string })[],
  ): Promise<readonly (SealedBytes | Refused)[]> {
    const wanted = new Map<string, KeyRef>();
    const names = items.map((item) => namesOf(wanted, item));
    const keys = await this.#keys.findOrMake(wanted);
    return items.map((item, index) => {
      const { period, subject } = keysOf(keys, at(names, index));
      if (period === 'destroyed') return { refused: 'period_destroyed' };
      if (subject === 'destroyed') return { refused: 'subject_erased' };
      const bytes = encrypt(blobKeyOf(subject, period, item.class), item.plain, item.aad);
      return { generation: subject?.generation ?? 0, bytes };
    });
  }

  /** In order. @throws PortError `unavailable`; `invalid`, `seal_broken` for bytes that were not sealed in this place. */
  async openBytes(items: readonly (Owner & SealedBytes & { readonly aad: string })[]): Promise<readonly (Buffer | 'erased')[]> {
    const wanted = new Map<string, KeyRef>();
    const names = items.map((item) => namesOf(wanted, item, item.generation));
    const keys = await this.#keys.find(wanted);
    return items.map((item, index) => {
      const { period, subject } = keysOf(keys, at(names, index));
      if (period === 'destroyed' || subject === 'destroyed') return 'erased';
      const plain = decrypt(blobKeyOf(subject, period, item.class), item.bytes, item.aad);
      if (plain === undefined) throw sealBroken();
      return plain;
    });
  }
}

type Names = { readonly period: string; readonly subject?: string };

/** Names the keys of one item and puts them among those wanted. */
function namesOf(wanted: Map<string, KeyRef>, { tenant, subject, class: dataClass, period }: Owner, generation?: number): Names {
  const want = (ref: KeyRef): string => {
    const name = nameOf(ref);
    if (!wanted.has(name)) wanted.set(name, ref);
    return name;
  };
  const named = want({ tenant, class: dataClass, period });
  if (subject === undefined) return { period: named };
  return { period: named, subject: want(generation === undefined ? { tenant, subject } : { tenant, subject, generation }) };
}

function keysOf(keys: ReadonlyMap<string, Key>, { period, subject }: Names): { readonly period: Key; readonly subject: Key | undefined } {
  const keyOf = (name: string): Key => {
    const key = keys.get(name);
    if (key === undefined) throw keyMissing();
    return key;
  };
  return { period: keyOf(period), subject: subject === undefined ? undefined : keyOf(subject) };
}

function jsonOf(value: unknown): string {
  // Undefined, a function or a symbol: JSON.stringify's type denies it.
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError('only JSON can be sealed');
  return text;
}

function at<T>(list: readonly T[], index: number): T {
  const it = list[index];
  if (it === undefined) throw new RangeError(`no item ${index}`);
  return it;
}
