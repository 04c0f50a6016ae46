import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { DataClass } from '../../domain/kernel/personal.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { placeOfPeriodKey, placeOfSubjectKey } from './keyRows.ts';
import type { FoundKey, KeyRows, PeriodRef, SubjectRef } from './keyRows.ts';
import { unwrap, wrap, type MasterKeys } from './masterKeys.ts';

/** `derived`: what has been derived from it so far, forgotten with it (blobKeys.ts). */
export type LiveKey = { readonly generation: number; readonly key: Buffer; derived?: readonly DerivedKey[] };
export type DerivedKey = { readonly class: DataClass; readonly period: Buffer; readonly key: Buffer };
export type Key = LiveKey | 'destroyed';
export type KeyRef = SubjectRef | PeriodRef;

/** How long a destroyed key may go on working in another process when its notice is lost: part of what an erasure waits for. */
export const KEY_CACHE_MS = 5_000;
/** Some more than are in work at a time: of each, what was derived from it is kept too, 2 kB in all. */
const CACHED_KEYS = 4_000;

/** What a call needs, by `nameOf`. */
export type Wanted = ReadonlyMap<string, KeyRef>;

const isSubject = (ref: KeyRef): ref is SubjectRef => 'subject' in ref;

/** Names a key within this process. */
export const nameOf = (ref: KeyRef): string =>
  isSubject(ref) ? `s/${ref.tenant}/${ref.subject}/${ref.generation ?? 'newest'}` : `p/${ref.tenant}/${ref.class}/${ref.period}`;

/** `newest`: none of the subject's keys is newer. */
type Cached = { readonly key: Key; readonly generation: number; readonly newest: boolean };
/** One key of a subject is kept: the newest where that was asked for, else the one that was. Only who was erased and came back has another. */
const placeOf = (ref: KeyRef): string => (isSubject(ref) ? `s/${ref.tenant}/${ref.subject}` : nameOf(ref));

/**
 * Unwrapped keys of subjects and periods, cached for at most 5 s (docs/decisions/0003). `clear` is to be called for every NOTIFY on
 * `tidings_keys`, and when that connection was lost.
 */
export class KeyStore {
  readonly #rows: KeyRows;
  readonly #masters: MasterKeys;
  readonly #cache: LRUCache<string, Cached>;
  readonly #nowMs: () => number;
  /** Counts the clears: what was read before one is not cached after it. */
  #cleared = 0;

  /** `nowMs`: a monotonic clock for the cache. */
  constructor(rows: KeyRows, masters: MasterKeys, nowMs: () => number = () => performance.now()) {
    this.#rows = rows;
    this.#masters = masters;
    this.#nowMs = nowMs;
    this.#cache = new LRUCache({ max: CACHED_KEYS, ttl: KEY_CACHE_MS, ttlResolution: 0, perf: { now: nowMs } });
  }

  clear(): void {
    this.#cleared += 1;
    this.#cache.clear();
  }

  /**
   * Keys by their `nameOf`. What has no row is absent from the answer.
   * @throws PortError `unavailable` when the rows cannot be read or a master key is missing.
   */
  async find(wanted: Wanted): Promise<Map<string, Key>> {
    const found = new Map<string, Key>();
    const missing: KeyRef[] = [];
    for (const [name, ref] of wanted) {
      const cached = this.#cached(ref);
      if (cached === undefined) missing.push(ref);
      else found.set(name, cached);
    }
    if (missing.length > 0) await this.#fetch(missing, found);
    return found;
  }

  /** As `find`, and makes what has no row: another's key of the same moment wins, a tombstone stays. Refs name no generation. */
  async findOrMake(wanted: Wanted): Promise<Map<string, Key>> {
    const found = await this.find(wanted);
    if (found.size === wanted.size) return found;
    const absent = [...wanted].flatMap(([name, ref]) => (found.has(name) ? [] : [ref]));
    await this.#make(absent);
    await this.#fetch(absent, found);
    return found;
  }

  /** Asked before keys of new subjects are stored; what it answers takes each that was, so that sealing for it needs no statement. */
  adopting(): (ref: SubjectRef, key: Buffer) => void {
    const [startedAt, cleared] = [this.#nowMs(), this.#cleared];
    return (ref, key) => {
      if (cleared === this.#cleared) this.#remember(ref, { key: { generation: 1, key }, generation: 1 }, startedAt);
    };
  }

  #cached(ref: KeyRef): Key | undefined {
    const it = this.#cache.get(placeOf(ref));
    if (it === undefined || !isSubject(ref)) return it?.key;
    const isIt = ref.generation === undefined ? it.newest : it.generation === ref.generation;
    return isIt ? it.key : undefined;
  }

  async #make(refs: readonly KeyRef[]): Promise<void> {
    const subjects = refs.filter(isSubject).map(({ tenant, subject }) => {
      return { tenant, subject, key: wrap(this.#masters, randomBytes(32), placeOfSubjectKey(tenant, subject, 1)) };
    });
    const periods = refs
      .filter((ref): ref is PeriodRef => !isSubject(ref))
      .map((ref) => ({ ...ref, key: wrap(this.#masters, randomBytes(32), placeOfPeriodKey(ref.tenant, ref.class, ref.period)) }));
    await this.#rows.insert(subjects, periods);
  }

  async #fetch(refs: readonly KeyRef[], into: Map<string, Key>): Promise<void> {
    const startedAt = this.#nowMs();
    const cleared = this.#cleared;
    const subjects = refs.filter(isSubject);
    const periods = refs.filter((ref): ref is PeriodRef => !isSubject(ref));
    const rows = await this.#rows.read(subjects, periods);
    for (const [index, ref] of [...subjects, ...periods].entries()) {
      const row = index < subjects.length ? rows.subjects[index] : rows.periods[index - subjects.length];
      if (row === undefined) continue;
      const key = this.#unwrapped(ref, row);
      into.set(nameOf(ref), key);
      if (cleared === this.#cleared) this.#remember(ref, { key, generation: row.generation }, startedAt);
    }
  }

  #unwrapped(ref: KeyRef, { generation, key }: FoundKey): Key {
    if (key === undefined) return 'destroyed';
    const place = isSubject(ref)
      ? placeOfSubjectKey(ref.tenant, ref.subject, generation)
      : placeOfPeriodKey(ref.tenant, ref.class, ref.period);
    return { generation, key: unwrap(this.#masters, key, place) };
  }

  #remember(ref: KeyRef, found: Pick<Cached, 'key' | 'generation'>, since: number): void {
    const newest = !isSubject(ref) || ref.generation === undefined;
    const place = placeOf(ref);
    // Whoever asks for an old one leaves the newest where it is.
    if (!newest && this.#cache.get(place)?.newest === true) return;
    this.#cache.set(place, { ...found, newest }, { start: since });
  }
}

/** A key that has no row, not even a tombstone: rows were lost, or a log is read with another installation's keys. */
export const keyMissing = (): PortError =>
  new PortError('unavailable', 'key_missing', 'a key has no row: are these the keys of this log? (tidings keys restore)');
