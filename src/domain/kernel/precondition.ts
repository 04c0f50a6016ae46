/** `If-Match` (RFC 9110 §13.1.1): the version that the caller has seen, or `any`: there must be one. */
export type IfVersion = number | 'any';

export const preconditionHolds = (wanted: IfVersion | undefined, version: number, exists: boolean): boolean =>
  wanted === undefined || (wanted === 'any' ? exists : wanted === version);
