/** Answers are read with care: a newer service may say more, an older one less. */
export type Members = Readonly<Record<string, unknown>>;

export const membersOf = (value: unknown): Members => (typeof value === 'object' && value !== null ? { ...value } : {});

/** The entries of a list under this name; none where there is no list. */
export function entriesOf(value: unknown, name: string): readonly Members[] {
  const list = membersOf(value)[name];
  return Array.isArray(list) ? list.map(membersOf) : [];
}

export const textIn = (value: unknown, name: string): string | undefined => {
  const found = membersOf(value)[name];
  return typeof found === 'string' ? found : undefined;
};
