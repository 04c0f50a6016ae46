/** The members that are there: optional where they could be undefined. */
export type Present<T> = { readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out what is undefined: JSON has no such value, and an absent member must stay absent in a digest. */
export const present = <T extends object>(members: T): Present<T> =>
  // eslint-disable-next-line @typescript-eslint/consistent-type-assertions -- the filter below is what the type says; the compiler can't follow it
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>;
