import { createHash } from 'node:crypto';
import type { StreamName } from '../../domain/values/ids.ts';
import { framed, uuid8 } from '../crypto/uuid8.ts';

/** UUIDv8 from SHA-256 over the command, the stream and the event's place: a repeated command repeats its events' ids. */
export const eventIdOf = (commandId: string, stream: StreamName, index: number): string =>
  uuid8(
    createHash('sha256')
      .update(framed(['tidings/event/1', commandId, stream, String(index)]))
      .digest(),
  );
