import type { SubjectId } from '../domain/values/ids.ts';

/** A set of people: 8 bytes a slot, and 9 to 13 bytes each once there are many. */
export interface SubjectSet {
  has(subject: SubjectId): boolean;
  add(subject: SubjectId): void;
  /** Bytes that it takes. */
  bytes(): number;
}

const FIRST_SLOTS = 1024;
/** Of the slots that are taken before there are more: at nine in ten, a miss looks at some fifty. */
const FULL = 0.9;
const GROWTH = 1.5;

/**
 * Open addressing over the first 64 bits of a subject. Those are random and nobody's choice (docs/decisions/0003), so they are hash
 * enough, and among a million people the chance that any two share them is 3 in 100 million.
 */
export function subjectSet(): SubjectSet {
  let slots = new Uint32Array(2 * FIRST_SLOTS);
  let taken = 0;

  function grow(): void {
    const old = slots;
    slots = new Uint32Array(2 * Math.ceil((old.length / 2) * GROWTH));
    for (let at = 0; at < old.length; at += 2) {
      const [high = 0, low = 0] = [old[at], old[at + 1]];
      if (high !== 0 || low !== 0) write(placeOf(slots, high, low), high, low);
    }
  }

  function write(at: number, high: number, low: number): void {
    slots[at] = high;
    slots[at + 1] = low;
  }

  return {
    has: (subject) => {
      const { high, low } = bitsOf(subject);
      return isTaken(slots, placeOf(slots, high, low));
    },
    add: (subject) => {
      const { high, low } = bitsOf(subject);
      const at = placeOf(slots, high, low);
      if (isTaken(slots, at)) return;
      write(at, high, low);
      taken += 1;
      if (taken > (slots.length / 2) * FULL) grow();
    },
    bytes: () => slots.byteLength,
  };
}

/** Where these bits stand, or the free slot where they would. */
function placeOf(slots: Uint32Array, high: number, low: number): number {
  let at = 2 * (high % (slots.length / 2));
  while (isTaken(slots, at) && !(slots[at] === high && slots[at + 1] === low)) at = at + 2 < slots.length ? at + 2 : 0;
  return at;
}

const isTaken = (slots: Uint32Array, at: number): boolean => slots[at] !== 0 || slots[at + 1] !== 0;

/** Never both 0, which marks a free slot. */
function bitsOf(subject: SubjectId): { readonly high: number; readonly low: number } {
  const bytes = Buffer.from(subject, 'base64url');
  const [high, low] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  return { high, low: high === 0 && low === 0 ? 1 : low };
}
