import { placeOfIndexKey, placeOfPeriodKey, placeOfSubjectKey } from './keyRows.ts';

/** A row of a table of wrapped keys, its key columns as text. */
export type KeyTableRow = {
  readonly tenant: string;
  readonly subject: string;
  readonly generation: number;
  readonly class: string;
  readonly period: string;
};

/** A table whose rows hold a wrapped key: what rotation walks through. */
export type KeyTable = {
  readonly name: 'subject_keys' | 'period_keys' | 'index_keys';
  /** Its primary key, with types, and where a walk in its order begins. */
  readonly key: readonly { readonly column: keyof KeyTableRow; readonly type: 'text' | 'int'; readonly first: string | number }[];
  readonly place: (row: KeyTableRow) => string;
};

const text = (column: keyof KeyTableRow): KeyTable['key'][number] => ({ column, type: 'text', first: '' });

export const KEY_TABLES: readonly KeyTable[] = [
  {
    name: 'subject_keys',
    key: [text('tenant'), text('subject'), { column: 'generation', type: 'int', first: 0 }],
    place: ({ tenant, subject, generation }) => placeOfSubjectKey(tenant, subject, generation),
  },
  {
    name: 'period_keys',
    key: [text('tenant'), text('class'), text('period')],
    place: (row) => placeOfPeriodKey(row.tenant, row.class, row.period),
  },
  { name: 'index_keys', key: [text('tenant')], place: ({ tenant }) => placeOfIndexKey(tenant) },
];
