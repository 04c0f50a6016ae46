import { randomBytes } from 'node:crypto';
import type { Indexes, PersonName, Subjects as SubjectsPort } from '../../commands/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { isSubjectId, trusted, type SubjectId, type TenantId } from '../../domain/values/ids.ts';
import { decrypt, encrypt } from './aesGcm.ts';
import { labelKey } from './derive.ts';
import { placeOfSubjectKey, type FoundLabel, type FoundPeople, type KeyRows, type NewPerson } from './keyRows.ts';
import type { KeyStore } from './keyStore.ts';
import { unwrap, wrap, type MasterKeys } from './masterKeys.ts';

const PREFIX = 'addr_';

/** A person asked for: the hash that leads to it, and the subject that the name may be itself. */
type Asked = { readonly hmac: string; readonly direct?: SubjectId; readonly label?: string };

/** What is hashed: the kind first, so that nobody's recipientId can be another's address. */
const aliasOf = (person: PersonName): string =>
  'recipientId' in person ? `id:${person.recipientId.normalize('NFC')}` : `address:${person.address}`;

function directOf(person: PersonName): SubjectId | undefined {
  if (!('recipientId' in person) || !person.recipientId.startsWith(PREFIX)) return undefined;
  const subject = person.recipientId.slice(PREFIX.length);
  return isSubjectId(subject) ? subject : undefined;
}

const labelAad = (tenant: TenantId, subject: SubjectId): string => `label/${tenant}/${subject}`;

/** People ↔ subjects, over the table of aliases: keyed hashes only, the caller's own id sealed beside the subject's key. */
export class Subjects implements SubjectsPort {
  readonly #rows: KeyRows;
  readonly #masters: MasterKeys;
  readonly #indexes: Indexes;
  readonly #keys: KeyStore;

  constructor(rows: KeyRows, masters: MasterKeys, indexes: Indexes, keys: KeyStore) {
    this.#rows = rows;
    this.#masters = masters;
    this.#indexes = indexes;
    this.#keys = keys;
  }

  async resolve(tenant: TenantId, people: readonly PersonName[]): Promise<readonly (SubjectId | 'erased')[]> {
    return this.#resolve(tenant, people, false);
  }

  /** As `resolve`, for people who were erased and registered anew on purpose: they get a new subject, which nothing ties to the old. */
  async readmit(tenant: TenantId, people: readonly PersonName[]): Promise<readonly (SubjectId | 'erased')[]> {
    return this.#resolve(tenant, people, true);
  }

  async find(tenant: TenantId, people: readonly PersonName[]): Promise<readonly (SubjectId | 'erased' | 'unknown')[]> {
    const asked = await this.#ask(tenant, people);
    const found = await this.#look(tenant, asked);
    return asked.map((one) => answerOf(one, found) ?? 'unknown');
  }

  async labels(tenant: TenantId, subjects: readonly SubjectId[]): Promise<readonly string[]> {
    if (subjects.length === 0) return [];
    const rows = await this.#rows.labels(tenant, subjects);
    return subjects.map((subject, index) => this.#label(tenant, subject, rows[index]));
  }

  async #resolve(tenant: TenantId, people: readonly PersonName[], readmit: boolean): Promise<readonly (SubjectId | 'erased')[]> {
    const asked = await this.#ask(tenant, people);
    const found = await this.#look(tenant, asked);
    const missing = asked.filter((one) => {
      const answer = answerOf(one, found);
      return answer === undefined || (readmit && answer === 'erased');
    });
    const made = missing.length === 0 ? new Map<string, SubjectId>() : await this.#make(tenant, missing, readmit);
    // Others made some of them at the same moment: theirs count.
    const lost = new Set(missing.filter(({ hmac }) => !made.has(hmac)));
    const theirs = lost.size === 0 ? found : await this.#look(tenant, [...lost]);
    return asked.map((one) => {
      const answer = made.get(one.hmac) ?? answerOf(one, lost.has(one) ? theirs : found);
      if (answer === undefined) throw new PortError('unavailable', 'subject_unsettled', 'a subject was made and vanished: try again');
      return answer;
    });
  }

  async #ask(tenant: TenantId, people: readonly PersonName[]): Promise<readonly Asked[]> {
    const hashes = await this.#indexes.hash(tenant, 'recipient', people.map(aliasOf));
    return people.map((person, index) => {
      const direct = directOf(person);
      return {
        hmac: hashes[index] ?? '',
        ...(direct === undefined ? {} : { direct }),
        ...('recipientId' in person ? { label: person.recipientId.normalize('NFC') } : {}),
      };
    });
  }

  async #look(tenant: TenantId, asked: readonly Asked[]): Promise<FoundPeople> {
    if (asked.length === 0) return { aliases: new Map(), subjects: new Map() };
    const directs = asked.flatMap(({ direct }) => (direct === undefined ? [] : [direct]));
    return this.#rows.people(tenant, [...new Set(asked.map(({ hmac }) => hmac))], [...new Set(directs)]);
  }

  /** Gives the subjects of those that were ours to make, by hash. */
  async #make(tenant: TenantId, missing: readonly Asked[], readmit: boolean): Promise<ReadonlyMap<string, SubjectId>> {
    const fresh = new Map<string, { readonly person: NewPerson; readonly key: Buffer }>();
    const random = randomBytes(48 * missing.length);
    for (const [index, { hmac, label }] of missing.entries()) {
      if (fresh.has(hmac)) continue;
      const subject = trusted<SubjectId>(random.toString('base64url', index * 48, index * 48 + 16));
      const key = Buffer.from(random.subarray(index * 48 + 16, index * 48 + 48));
      const wrapped = wrap(this.#masters, key, placeOfSubjectKey(tenant, subject, 1));
      const sealed = label === undefined ? {} : { label: encrypt(labelKey(key), Buffer.from(label), labelAad(tenant, subject)) };
      fresh.set(hmac, { person: { hmac, subject, key: wrapped, ...sealed }, key });
    }
    const people = [...fresh.values()].map(({ person }) => person);
    const adopt = this.#keys.adopting();
    const won = await this.#rows.insertPeople(tenant, people, readmit);
    const made = new Map<string, SubjectId>();
    for (const { person, key } of fresh.values()) {
      if (!won.has(person.hmac)) continue;
      made.set(person.hmac, person.subject);
      adopt({ tenant, subject: person.subject }, key);
    }
    return made;
  }

  #label(tenant: TenantId, subject: SubjectId, row: FoundLabel | undefined): string {
    if (row === undefined) return PREFIX + subject;
    if (row.key === undefined) return 'erased';
    if (row.label === undefined) return PREFIX + subject;
    const key = unwrap(this.#masters, row.key, placeOfSubjectKey(tenant, subject, row.generation));
    const label = decrypt(labelKey(key), row.label, labelAad(tenant, subject));
    if (label === undefined) throw new PortError('invalid', 'seal_broken', 'a label does not open in this place');
    return label.toString();
  }
}

function answerOf({ hmac, direct }: Asked, found: FoundPeople): SubjectId | 'erased' | undefined {
  const lives = direct === undefined ? undefined : found.subjects.get(direct);
  if (direct !== undefined && lives !== undefined) return lives ? direct : 'erased';
  const subject = found.aliases.get(hmac);
  return subject === null ? 'erased' : subject;
}
