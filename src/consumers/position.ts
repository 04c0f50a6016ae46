import type { Position } from '../domain/values/ids.ts';

/** A checkpoint: `start` lies before every position. */
export type Checkpoint = Position | 'start';

/** Positions sort bytewise and are otherwise opaque. */
export const isBefore = (a: Checkpoint, b: Checkpoint): boolean => b !== 'start' && (a === 'start' || a < b);
export const later = (a: Checkpoint, b: Checkpoint): Checkpoint => (isBefore(a, b) ? b : a);
