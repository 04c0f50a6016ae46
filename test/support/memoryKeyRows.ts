import type { SubjectId, TenantId } from '../../src/domain/values/ids.ts';
import type {
  FoundKey,
  FoundLabel,
  FoundPeople,
  KeyRows,
  NewPerson,
  NewPeriodKey,
  NewSubjectKey,
  PeriodRef,
  SubjectRef,
} from '../../src/adapters/crypto/keyRows.ts';
import type { WrappedKey } from '../../src/adapters/crypto/masterKeys.ts';

type SubjectRow = FoundLabel;
const TOMBSTONE = 'tombstone';

/** The rows behind the keys, in memory, with the rules of the Postgres tables. */
export class MemoryKeyRows implements KeyRows {
  /** Generations in order. */
  readonly #subjects = new Map<string, SubjectRow[]>();
  readonly #periods = new Map<string, WrappedKey | typeof TOMBSTONE>();
  readonly #aliases = new Map<string, SubjectId | null>();
  readonly #indexes = new Map<TenantId, WrappedKey>();

  read(subjects: readonly SubjectRef[], periods: readonly PeriodRef[]): ReturnType<KeyRows['read']> {
    return Promise.resolve({
      subjects: subjects.map((ref) => this.#subject(ref)),
      periods: periods.map((ref): FoundKey | undefined => {
        const key = this.#periods.get(periodName(ref));
        return key === undefined ? undefined : key === TOMBSTONE ? { generation: 0 } : { generation: 0, key };
      }),
    });
  }

  insert(subjects: readonly NewSubjectKey[], periods: readonly NewPeriodKey[]): Promise<void> {
    for (const { tenant, subject, key } of subjects) {
      const name = `${tenant}/${subject}`;
      if (!this.#subjects.has(name)) this.#subjects.set(name, [{ generation: 1, key }]);
    }
    for (const period of periods) if (!this.#periods.has(periodName(period))) this.#periods.set(periodName(period), period.key);
    return Promise.resolve();
  }

  people(tenant: TenantId, hmacs: readonly string[], subjects: readonly SubjectId[]): Promise<FoundPeople> {
    const aliases = new Map<string, SubjectId | null>();
    for (const hmac of hmacs) {
      const subject = this.#aliases.get(`${tenant}/${hmac}`);
      if (subject !== undefined) aliases.set(hmac, subject);
    }
    const lives = new Map<SubjectId, boolean>();
    for (const subject of subjects) {
      const row = this.#subject({ tenant, subject });
      if (row !== undefined) lives.set(subject, row.key !== undefined);
    }
    return Promise.resolve({ aliases, subjects: lives });
  }

  insertPeople(tenant: TenantId, people: readonly NewPerson[], readmit: boolean): Promise<ReadonlySet<string>> {
    const made = new Set<string>();
    for (const { hmac, subject, key, label } of people) {
      const known = this.#aliases.get(`${tenant}/${hmac}`);
      if (known !== undefined && !(readmit && known === null)) continue;
      this.#aliases.set(`${tenant}/${hmac}`, subject);
      this.#subjects.set(`${tenant}/${subject}`, [{ generation: 1, key, ...(label === undefined ? {} : { label }) }]);
      made.add(hmac);
    }
    return Promise.resolve(made);
  }

  labels(tenant: TenantId, subjects: readonly SubjectId[]): Promise<readonly (FoundLabel | undefined)[]> {
    return Promise.resolve(subjects.map((subject) => this.#subject({ tenant, subject })));
  }

  indexKey(tenant: TenantId, candidate: WrappedKey): Promise<WrappedKey> {
    const key = this.#indexes.get(tenant) ?? candidate;
    this.#indexes.set(tenant, key);
    return Promise.resolve(key);
  }

  /** As `destroySubjects`. */
  destroySubject(tenant: TenantId, subject: SubjectId): void {
    const rows = this.#subjects.get(`${tenant}/${subject}`) ?? [{ generation: 1 }];
    this.#subjects.set(
      `${tenant}/${subject}`,
      rows.map(({ generation }) => ({ generation })),
    );
    for (const [hmac, known] of this.#aliases) if (known === subject && hmac.startsWith(`${tenant}/`)) this.#aliases.set(hmac, null);
  }

  /** As `destroyPeriods`. */
  destroyPeriod(ref: PeriodRef): void {
    this.#periods.set(periodName(ref), TOMBSTONE);
  }

  #subject({ tenant, subject, generation }: SubjectRef): SubjectRow | undefined {
    const rows = this.#subjects.get(`${tenant}/${subject}`);
    return generation === undefined ? rows?.at(-1) : rows?.find((row) => row.generation === generation);
  }
}

const periodName = (ref: PeriodRef): string => `${ref.tenant}/${ref.class}/${ref.period}`;
