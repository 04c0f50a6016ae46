/** A where clause put together from the filters that were given; values go in as parameters only. */
export type Conditions = {
  readonly add: (condition: (param: (value: unknown) => string, suffix: string) => string) => void;
  /** After the last `add`: text that names tables by suffix. */
  readonly sql: (suffix: string) => string;
  readonly param: (value: unknown) => string;
  readonly values: readonly unknown[];
};

export function conditions(): Conditions {
  const values: unknown[] = [];
  const parts: ((suffix: string) => string)[] = [];
  const param = (value: unknown): string => `$${String(values.push(value))}`;
  return {
    add: (condition) => {
      // The parameters are numbered now, in the order of the conditions; the suffix is known when the query runs.
      const suffixMark = '\u0000';
      const text = condition(param, suffixMark);
      parts.push((suffix) => text.replaceAll(suffixMark, suffix));
    },
    sql: (suffix) => parts.map((part) => part(suffix)).join(' and '),
    param,
    values,
  };
}
