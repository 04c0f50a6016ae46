import { hash } from 'node:crypto';
import type { EventWrite } from '../../commands/ports.ts';
import { framed, uuid8 } from '../crypto/uuid8.ts';

/** UUIDv8 from SHA-256 over the command (and which carrying out of it), the stream and the event's place: an append sent again repeats its ids. */
export const eventIdOf = ({ stream, envelope: { commandId }, attempt }: EventWrite, index: number): string =>
  uuid8(
    hash('sha256', framed(['tidings/event/1', commandId, stream, String(index), ...(attempt === undefined ? [] : [attempt])]), 'buffer'),
  );
