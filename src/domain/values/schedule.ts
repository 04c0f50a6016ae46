import type { Instant } from './instant.ts';

/** `local`: wall time without zone (`2026-12-01T09:00`), in an IANA zone or in each recipient's own. */
export type Schedule = { readonly at: Instant } | { readonly local: string; readonly timeZone: string };
