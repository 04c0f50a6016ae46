import type { Channel } from '../values/channel.ts';
import type { KeyedHash, SubjectId } from '../values/ids.ts';

/** One message per dedup key, person and channel: what a reservation is held under. */
export const reservationKey = (dedup: KeyedHash, subject: SubjectId, channel: Channel): string => `${dedup} ${subject} ${channel}`;
