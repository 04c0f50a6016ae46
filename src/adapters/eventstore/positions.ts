import { PortError } from '../../domain/kernel/portError.ts';
import type { Position } from '../../domain/values/ids.ts';

const POSITION = /^[0-9]{16}$/;

/** Positions of the stores that count events: 16 decimal digits, so that they sort bytewise. */
export const positionOf = (number: bigint | number | string): Position => String(number).padStart(16, '0') as Position;

export function numberOf(position: Position | 'start'): number {
  if (position === 'start') return 0;
  if (!POSITION.test(position)) throw new PortError('invalid', 'bad_position', 'this is no position of this store');
  return Number(position);
}
