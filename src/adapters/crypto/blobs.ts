import { createHash, randomBytes } from 'node:crypto';
import type { Files, StoredFile } from '../../commands/notificationPorts.ts';
import type { Uploaded, Uploads } from '../../commands/uploadFile.ts';
import type { Clock } from '../../commands/ports.ts';
import type { Transaction } from '../../consumers/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import type { AttachmentRef } from '../../domain/values/message.ts';
import type { SubjectId, TenantId } from '../../domain/values/ids.ts';
import { instantOf, periodOf, plusMs, type Instant } from '../../domain/values/instant.ts';
import type { Pool } from '../postgres/pool.ts';
import { over } from '../postgres/transaction.ts';
import { isRefused, type Owner, type Refused, type SealedBytes, type Vault } from './vault.ts';

export type BlobTimes = {
  /** Milliseconds that an upload waits to be used. */
  readonly unusedMs: number;
  /** Milliseconds that one in use is kept: longer than any schedule reaches. */
  readonly keptMs: number;
};
const DAY_MS = 86_400_000;
const TIMES: BlobTimes = { unusedMs: DAY_MS, keptMs: 400 * DAY_MS };

/** `id`: where the caller derives one. */
type ToPut = StoredFile & { readonly subject?: SubjectId; readonly id?: string };
type Row = {
  readonly id: string;
  readonly subject: SubjectId | null;
  readonly class: Owner['class'];
  readonly period: string;
  readonly generation: number;
  readonly bytes: Buffer;
};
/** Filename, type, size and hash: what a reference to a blob repeats. */
type About = Omit<AttachmentRef, 'id'>;

const COLUMNS = ['tenant', 'id', 'subject', 'class', 'period', 'generation', 'about', 'sealed', 'expires_at'] as const;
const aadOf = (tenant: TenantId, id: string, part: 'about' | 'sealed'): string => `blob|${tenant}|${id}|${part}`;

/** Attachments as sealed rows of the keys' database: any number in one statement, one more for keys that are not cached. */
export class Blobs implements Files, Uploads {
  readonly #db: Transaction;
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #times: BlobTimes;

  /** `pool`: of the keys' database, as tidings_worker. */
  constructor(pool: Pool, vault: Vault, clock: Clock, times: BlobTimes = TIMES) {
    this.#db = over(pool);
    this.#vault = vault;
    this.#clock = clock;
    this.#times = times;
  }

  /** For use at once. @throws PortError `unavailable`; `invalid`, `subject_erased`. */
  async put(tenant: TenantId, files: readonly ToPut[]): Promise<readonly AttachmentRef[]> {
    const { refs } = await this.#put(tenant, files, this.#times.keptMs);
    return refs;
  }

  /** For use later: gone after a day unless a request names it. What stands under the id already is left as it is. */
  async upload(tenant: TenantId, file: StoredFile, id?: string): Promise<Uploaded> {
    const there = id === undefined ? undefined : await this.#uploaded(tenant, id);
    if (there !== undefined) return compared(there, file);
    const { refs, stored } = await this.#put(tenant, [{ ...file, ...(id !== undefined && { id }) }], this.#times.unusedMs);
    const [ref] = refs;
    if (ref !== undefined && stored.has(ref.id)) return { ref, is: 'new' };
    // Somebody was faster.
    const theirs = id === undefined ? undefined : await this.#uploaded(tenant, id);
    if (theirs === undefined) throw new PortError('unavailable', 'no_outcome', 'an upload was stored and is not there: try again');
    return compared(theirs, file);
  }

  /** Looking at it is not using it: it expires when it would have. */
  async #uploaded(tenant: TenantId, id: string): Promise<AttachmentRef | undefined> {
    const rows = await this.#db.query<Row>({
      name: 'blobs_uploaded',
      text: `select id, subject, class, period, generation, about as bytes from blobs where tenant = $1 and id = $2 and expires_at > $3`,
      values: [tenant, id, this.#clock.now()],
    });
    const plain = (await this.#open(tenant, rows, 'about')).get(id);
    return plain === undefined ? undefined : refOf(id, plain);
  }

  /** Whoever looks one up is about to use it: from then on it is kept. */
  async find(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, AttachmentRef>> {
    const now = this.#clock.now();
    const rows = await this.#db.query<Row>({
      name: 'blobs_find',
      text: `update blobs set expires_at = greatest(expires_at, $4)
              where tenant = $1 and id in (select json_array_elements_text($2)) and expires_at > $3
              returning id, subject, class, period, generation, about as bytes`,
      values: [tenant, JSON.stringify(ids), now, plusMs(now, this.#times.keptMs)],
    });
    const found = new Map<string, AttachmentRef>();
    for (const [id, plain] of await this.#open(tenant, rows, 'about')) found.set(id, refOf(id, plain));
    return found;
  }

  /** The contents by id; what is missing, expired or erased is left out. */
  async read(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const rows = await this.#db.query<Row>({
      name: 'blobs_read',
      text: `select id, subject, class, period, generation, sealed as bytes from blobs
              where tenant = $1 and id in (select json_array_elements_text($2)) and expires_at > $3`,
      values: [tenant, JSON.stringify(ids), this.#clock.now()],
    });
    return this.#open(tenant, rows, 'sealed');
  }

  /** At most `limit` of those whose time is over; gives how many went. */
  async deleteExpired(limit: number): Promise<number> {
    const rows = await this.#db.query({
      name: 'blobs_delete_expired',
      text: `delete from blobs where (tenant, id) in (
               select tenant, id from blobs where expires_at <= $1 order by expires_at limit $2 for update skip locked)
             returning 1`,
      values: [instantOf(this.#clock.epochMs()), limit],
    });
    return rows.length;
  }

  /** `stored`: ids of those under which nothing stood. */
  async #put(tenant: TenantId, files: readonly ToPut[], lifeMs: number): Promise<Put> {
    if (files.length === 0) return { refs: [], stored: new Set() };
    const now = this.#clock.now();
    const refs = files.map(({ filename, contentType, content, id }): AttachmentRef => {
      const fresh = id ?? `att_${randomBytes(16).toString('base64url')}`;
      return { id: fresh, sha256: sha256Of(content), size: content.byteLength, filename, contentType };
    });
    const owners = files.map(({ subject }): Owner => {
      return { tenant, class: 'content', period: periodOf(now), ...(subject === undefined ? {} : { subject }) };
    });
    const plain = files.flatMap(({ content }, index) => {
      const [ref, owner] = [refs[index], owners[index]];
      if (ref === undefined || owner === undefined) return [];
      const { id, ...about } = ref;
      return [
        { ...owner, plain: Buffer.from(JSON.stringify(about satisfies About)), aad: aadOf(tenant, id, 'about') },
        { ...owner, plain: content, aad: aadOf(tenant, id, 'sealed') },
      ];
    });
    const sealed = (await this.#vault.sealBytes(plain)).map(granted);
    const stored = await this.#insert(
      now,
      refs.map(({ id }, index) => {
        const [about, content] = [sealed[index * 2], sealed[index * 2 + 1]];
        const { subject = null, period } = owners[index] ?? { period: '' };
        return [tenant, id, subject, 'content', period, content?.generation, about?.bytes, content?.bytes, plusMs(now, lifeMs)];
      }),
    );
    return { refs, stored };
  }

  /** Bytes travel as parameters of their own, in binary: within JSON they would grow by a third. */
  async #insert(now: Instant, rows: readonly (readonly unknown[])[]): Promise<ReadonlySet<string>> {
    const places = rows.map((row, at) => `(${row.map((_, index) => `$${at * COLUMNS.length + index + 2}`).join(', ')})`);
    const stored = await this.#db.query<{ readonly id: string }>({
      // What has expired is as good as gone, whether or not it has been deleted.
      text: `insert into blobs as b (${COLUMNS.join(', ')}) values ${places.join(', ')}
        on conflict (tenant, id) do update set ${COLUMNS.map((it) => `${it} = excluded.${it}`).join(', ')} where b.expires_at <= $1
        returning id`,
      values: [now, ...rows.flat()],
    });
    return new Set(stored.map(({ id }) => id));
  }

  async #open(tenant: TenantId, rows: readonly Row[], part: 'about' | 'sealed'): Promise<Map<string, Buffer>> {
    const items = rows.map(({ id, subject, class: dataClass, period, generation, bytes }) => {
      const owner = { tenant, class: dataClass, period, ...(subject === null ? {} : { subject }) };
      return { ...owner, generation, bytes, aad: aadOf(tenant, id, part) };
    });
    const opened = new Map<string, Buffer>();
    for (const [index, plain] of (await this.#vault.openBytes(items)).entries()) {
      const row = rows[index];
      if (row !== undefined && plain !== 'erased') opened.set(row.id, plain);
    }
    return opened;
  }
}

const sha256Of = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

function compared(ref: AttachmentRef, { filename, contentType, content }: StoredFile): Uploaded {
  const isSame = ref.filename === filename && ref.contentType === contentType && ref.sha256 === sha256Of(content);
  return { ref, is: isSame ? 'same' : 'other' };
}

type Put = { readonly refs: readonly AttachmentRef[]; readonly stored: ReadonlySet<string> };

/** Written by #put, and authenticated since. */
const refOf = (id: string, plain: Buffer): AttachmentRef => ({ id, ...(JSON.parse(plain.toString()) as About) });

function granted(it: SealedBytes | Refused): SealedBytes {
  if (isRefused(it)) throw new PortError('invalid', it.refused, 'a key that this would be sealed under was destroyed');
  return it;
}
