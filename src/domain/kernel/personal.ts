import type { SubjectId } from '../values/ids.ts';

/** What retention distinguishes (docs/decisions/0003): each class has a key of its own per tenant and month. */
export type DataClass = 'identity' | 'content' | 'engagement' | 'evidence';

/**
 * A value encrypted under its subject's key and its period's key; unreadable once either is destroyed.
 * It carries all that opening it takes, so a read model may keep it as it is.
 */
export type Sealed = {
  /** `<generation of the subject's key>.<base64url of iv, ciphertext and tag>`; generation 0: under the period's key alone. */
  readonly sealed: string;
  readonly tenant: string;
  /** Absent: several people share the value, and the period's key alone covers it. */
  readonly subject?: SubjectId;
  readonly class: DataClass;
  /** `YYYY-MM` (UTC) of the event that first held it. */
  readonly period: string;
  /** Additional authenticated data: what ties the blob to the place it was written to. */
  readonly aad: string;
};

/** A personal value in an event: open while a command makes it, sealed once it has been stored. */
export type Personal<T> = { readonly open: T } | Sealed;

export const open = <T>(value: T): Personal<T> => ({ open: value });
export const isSealed = <T>(it: Personal<T>): it is Sealed => 'sealed' in it;
