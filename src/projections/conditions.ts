/** A where clause put together from the filters that were given; values go in as parameters only. */
export type Conditions = {
  readonly add: (condition: string) => void;
  /** Only where there is a value; `condition` gets its parameter. */
  readonly narrow: (value: unknown, condition: (param: string) => string) => void;
  /** One more value; answers its parameter (`$3`). */
  readonly param: (value: unknown) => string;
  readonly sql: () => string;
  readonly values: readonly unknown[];
};

export function conditions(): Conditions {
  const values: unknown[] = [];
  const parts: string[] = [];
  const param = (value: unknown): string => `$${String(values.push(value))}`;
  return {
    add: (condition) => {
      parts.push(condition);
    },
    narrow: (value, condition) => {
      if (value !== undefined) parts.push(condition(param(value)));
    },
    param,
    sql: () => parts.join(' and '),
    values,
  };
}
