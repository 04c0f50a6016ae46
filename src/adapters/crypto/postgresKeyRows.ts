import type { Transaction } from '../../consumers/ports.ts';
import type { SubjectId, TenantId } from '../../domain/values/ids.ts';
import { over } from '../postgres/transaction.ts';
import type { Pool } from '../postgres/pool.ts';
import type {
  FoundKey,
  FoundLabel,
  FoundPeople,
  KeyRows,
  NewPeriodKey,
  NewPerson,
  NewSubjectKey,
  PeriodRef,
  SubjectRef,
} from './keyRows.ts';
import type { WrappedKey } from './masterKeys.ts';

type KeyRow = { readonly i: number; readonly generation: number; readonly master_id: string | null; readonly wrapped: Buffer | null };
type LabelRow = KeyRow & { readonly label: Buffer | null };

/** Goes up when a rule changes by which a name is normalised before it is hashed (values/email.ts, values/phone.ts, NFC of ids). */
const ALIAS_NORMALISATION = 1;

const READ = {
  name: 'keys_read',
  text: `select 's' as kind, w.i, k.generation, k.master_id, k.wrapped
           from json_to_recordset($1) as w (i int, tenant text, subject text, generation int)
          cross join lateral (
            select generation, master_id, wrapped from subject_keys
             where tenant = w.tenant and subject = w.subject and (w.generation is null or generation = w.generation)
             order by generation desc limit 1) k
         union all
         select 'p', w.i, 0, p.master_id, p.wrapped
           from json_to_recordset($2) as w (i int, tenant text, class text, period text)
          cross join lateral (
            select master_id, wrapped from period_keys where tenant = w.tenant and class = w.class and period = w.period offset 0) p`,
};

// Rows go in in the order of their keys, everywhere, so that two callers with the same ones cannot wait for each other in a circle.
const INSERT = {
  name: 'keys_insert',
  text: `with subjects as (
           insert into subject_keys (tenant, subject, generation, master_id, wrapped)
           select tenant, subject, 1, master_id, decode(wrapped, 'base64')
             from json_to_recordset($1) as w (tenant text, subject text, master_id text, wrapped text)
            order by tenant collate "C", subject collate "C"
           on conflict do nothing)
         insert into period_keys (tenant, class, period, master_id, wrapped)
         select tenant, class, period, master_id, decode(wrapped, 'base64')
           from json_to_recordset($2) as w (tenant text, class text, period text, master_id text, wrapped text)
          order by tenant collate "C", class collate "C", period collate "C"
         on conflict do nothing`,
};

const PEOPLE = {
  name: 'keys_people',
  text: `select a.hmac, a.subject, null as lives
           from json_array_elements_text($2) as w (hmac)
          cross join lateral (select hmac, subject from subject_aliases where tenant = $1 and hmac = w.hmac offset 0) a
         union all
         select null, k.subject, k.wrapped is not null
           from json_array_elements_text($3) as w (subject)
          cross join lateral (
            select subject, wrapped from subject_keys where tenant = $1 and subject = w.subject order by generation desc limit 1) k`,
};

const insertPeople = (name: string, conflict: string): { readonly name: string; readonly text: string } => ({
  name,
  text: `with w as materialized (
           select * from json_to_recordset($2) as w (hmac text, subject text, master_id text, wrapped text, label text)),
         made as (
           insert into subject_aliases (tenant, hmac, subject, normalisation)
           select $1, hmac, subject, ${ALIAS_NORMALISATION} from w order by hmac collate "C"
           on conflict (tenant, hmac) ${conflict}
           returning hmac),
         keys as (
           insert into subject_keys (tenant, subject, generation, master_id, wrapped, label)
           select $1, w.subject, 1, w.master_id, decode(w.wrapped, 'base64'), decode(w.label, 'base64') from w join made using (hmac))
         select hmac from made`,
});
const NEW_PEOPLE = insertPeople('keys_new_people', 'do nothing');
const READMITTED = insertPeople(
  'keys_readmit',
  'do update set subject = excluded.subject, normalisation = excluded.normalisation, erased_at = null where subject_aliases.erased_at is not null',
);

const LABELS = {
  name: 'keys_labels',
  text: `select w.i, k.generation, k.master_id, k.wrapped, k.label
           from json_array_elements_text($2) with ordinality as w (subject, i)
          cross join lateral (
            select generation, master_id, wrapped, label from subject_keys
             where tenant = $1 and subject = w.subject order by generation desc limit 1) k`,
};

const INDEX_KEY = {
  name: 'keys_index',
  // An update that changes nothing: it returns the row that is there, also one that was committed after this statement began.
  text: `insert into index_keys (tenant, master_id, wrapped) values ($1, $2, $3)
         on conflict (tenant) do update set tenant = excluded.tenant
         returning master_id, wrapped`,
};

const wrappedOf = ({ masterId, wrapped }: WrappedKey): { readonly master_id: string; readonly wrapped: string } => ({
  master_id: masterId,
  wrapped: wrapped.toString('base64'),
});

const found = ({ generation, master_id: masterId, wrapped }: KeyRow): FoundKey =>
  masterId === null || wrapped === null ? { generation } : { generation, key: { masterId, wrapped } };

/** The rows behind the keys in Postgres: `pool` is the keys' database's, as tidings_worker. */
export class PostgresKeyRows implements KeyRows {
  readonly #db: Transaction;

  constructor(pool: Pool) {
    this.#db = over(pool);
  }

  async read(subjects: readonly SubjectRef[], periods: readonly PeriodRef[]): ReturnType<KeyRows['read']> {
    const numbered = (refs: readonly object[]): string => JSON.stringify(refs.map((ref, i) => ({ i, ...ref })));
    const rows = await this.#db.query<KeyRow & { readonly kind: 's' | 'p' }>({ ...READ, values: [numbered(subjects), numbered(periods)] });
    const answer = {
      subjects: subjects.map((): FoundKey | undefined => undefined),
      periods: periods.map((): FoundKey | undefined => undefined),
    };
    for (const row of rows) (row.kind === 's' ? answer.subjects : answer.periods)[row.i] = found(row);
    return answer;
  }

  async insert(subjects: readonly NewSubjectKey[], periods: readonly NewPeriodKey[]): Promise<void> {
    const wrapped = (refs: readonly (NewSubjectKey | NewPeriodKey)[]): string =>
      JSON.stringify(refs.map(({ key, ...ref }) => ({ ...ref, ...wrappedOf(key) })));
    await this.#db.query({ ...INSERT, values: [wrapped(subjects), wrapped(periods)] });
  }

  async people(tenant: TenantId, hmacs: readonly string[], subjects: readonly SubjectId[]): Promise<FoundPeople> {
    const rows = await this.#db.query<{ readonly hmac: string | null; readonly subject: SubjectId | null; readonly lives: boolean | null }>(
      {
        ...PEOPLE,
        values: [tenant, JSON.stringify(hmacs), JSON.stringify(subjects)],
      },
    );
    const answer = { aliases: new Map<string, SubjectId | null>(), subjects: new Map<SubjectId, boolean>() };
    for (const { hmac, subject, lives } of rows) {
      if (hmac !== null) answer.aliases.set(hmac, subject);
      else if (subject !== null) answer.subjects.set(subject, lives === true);
    }
    return answer;
  }

  async insertPeople(tenant: TenantId, people: readonly NewPerson[], readmit: boolean): Promise<ReadonlySet<string>> {
    const rows = people.map(({ hmac, subject, key, label }) => ({ hmac, subject, ...wrappedOf(key), label: label?.toString('base64') }));
    const statement = readmit ? READMITTED : NEW_PEOPLE;
    const made = await this.#db.query<{ readonly hmac: string }>({ ...statement, values: [tenant, JSON.stringify(rows)] });
    return new Set(made.map(({ hmac }) => hmac));
  }

  async labels(tenant: TenantId, subjects: readonly SubjectId[]): Promise<readonly (FoundLabel | undefined)[]> {
    const rows = await this.#db.query<LabelRow>({ ...LABELS, values: [tenant, JSON.stringify(subjects)] });
    const labels = subjects.map((): FoundLabel | undefined => undefined);
    for (const row of rows) labels[row.i - 1] = { ...found(row), ...(row.label === null ? {} : { label: row.label }) };
    return labels;
  }

  async indexKey(tenant: TenantId, candidate: WrappedKey): Promise<WrappedKey> {
    const [row] = await this.#db.query<{ readonly master_id: string; readonly wrapped: Buffer }>({
      ...INDEX_KEY,
      values: [tenant, candidate.masterId, candidate.wrapped],
    });
    return row === undefined ? candidate : { masterId: row.master_id, wrapped: row.wrapped };
  }
}
