import type { DataClass } from '../../domain/kernel/personal.ts';
import type { SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { WrappedKey } from './masterKeys.ts';

/** A subject's key; without `generation` the newest. */
export type SubjectRef = { readonly tenant: TenantId; readonly subject: SubjectId; readonly generation?: number };
/** The key of a tenant's class of data and month. */
export type PeriodRef = { readonly tenant: TenantId; readonly class: DataClass; readonly period: string };

/** Generation 0 for periods. Without `key`: a tombstone. */
export type FoundKey = { readonly generation: number; readonly key?: WrappedKey };
export type FoundLabel = FoundKey & { readonly label?: Buffer };

export type NewSubjectKey = { readonly tenant: TenantId; readonly subject: SubjectId; readonly key: WrappedKey };
export type NewPeriodKey = PeriodRef & { readonly key: WrappedKey };
export type NewPerson = { readonly hmac: string; readonly subject: SubjectId; readonly key: WrappedKey; readonly label?: Buffer };

/** `aliases`: the subject behind a hash, null when erased; `subjects`: of those asked for by id, whether they live. Absent: not known. */
export type FoundPeople = { readonly aliases: ReadonlyMap<string, SubjectId | null>; readonly subjects: ReadonlyMap<SubjectId, boolean> };

/** The rows behind the keys: Postgres, or memory for tests. Keys arrive and leave wrapped. Each method is one statement. */
export interface KeyRows {
  /** In order; undefined where there is no row. @throws PortError `unavailable`. */
  read(
    subjects: readonly SubjectRef[],
    periods: readonly PeriodRef[],
  ): Promise<{ readonly subjects: readonly (FoundKey | undefined)[]; readonly periods: readonly (FoundKey | undefined)[] }>;
  /** Where there is a row, also a tombstone, it stays. A subject's key is its first generation. */
  insert(subjects: readonly NewSubjectKey[], periods: readonly NewPeriodKey[]): Promise<void>;
  people(tenant: TenantId, hmacs: readonly string[], subjects: readonly SubjectId[]): Promise<FoundPeople>;
  /** Alias and key at once; gives the hashes that were new. `readmit`: an erased hash counts as new. */
  insertPeople(tenant: TenantId, people: readonly NewPerson[], readmit: boolean): Promise<ReadonlySet<string>>;
  /** In order, newest generation. */
  labels(tenant: TenantId, subjects: readonly SubjectId[]): Promise<readonly (FoundLabel | undefined)[]>;
  /** The tenant's index key: `candidate` if it had none. */
  indexKey(tenant: TenantId, candidate: WrappedKey): Promise<WrappedKey>;
}

/** Where a wrapped key belongs: authenticated with it. */
export const placeOfSubjectKey = (tenant: string, subject: string, generation: number): string =>
  `subject/${tenant}/${subject}/${generation}`;
export const placeOfPeriodKey = (tenant: string, dataClass: string, period: string): string => `period/${tenant}/${dataClass}/${period}`;
export const placeOfIndexKey = (tenant: string): string => `index/${tenant}`;
