import { createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '../domain/kernel/canonicalJson.ts';
import type { TenantId } from '../domain/values/ids.ts';
import { refuse } from './problems.ts';
import type { Refusal } from './problems.ts';

/** What a cursor is good for: this list, of this tenant, with these filters. */
export type ListOf = { readonly tenant: TenantId; readonly operation: string; readonly filters: object };

/** Cursors are signed, so that what a query gets back is what a query gave out, for the same list. */
export interface Cursors {
  seal(place: string, list: ListOf): string;
  open(cursor: string, list: ListOf): string | Refusal;
}

/** `key`: the same in all processes. The place must hold nothing personal: a cursor is signed, not encrypted. */
export function createCursors(key: Uint8Array): Cursors {
  const sign = (place: string, { tenant, operation, filters }: ListOf): Buffer =>
    createHmac('sha256', key).update(canonicalJson({ tenant, operation, filters, place })).digest().subarray(0, 16);
  return {
    seal: (place, list) => `${Buffer.from(place).toString('base64url')}.${sign(place, list).toString('base64url')}`,
    open: (cursor, list) => {
      const [place = '', signature = ''] = cursor.split('.');
      const opened = Buffer.from(place, 'base64url').toString();
      const given = Buffer.from(signature, 'base64url');
      const expected = sign(opened, list);
      if (given.length === expected.length && timingSafeEqual(given, expected)) return opened;
      return refuse('invalid_cursor', 'Use nextCursor of the page before, with the same filters, or start again without a cursor.');
    },
  };
}
