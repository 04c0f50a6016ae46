import type { PortError } from '../domain/kernel/portError.ts';
import type { Rejection } from '../domain/kernel/rejection.ts';
import type { NotificationId, Position } from '../domain/values/ids.ts';
import type { Instant } from '../domain/values/instant.ts';
import type { Caller } from './caller.ts';
import type { NotificationInput } from './notificationInput.ts';
import type { RecipientVerdict } from './recipientVerdicts.ts';

export type Accepted = {
  readonly id: NotificationId;
  readonly createdAt: Instant;
  readonly position: Position;
  readonly recipients: readonly RecipientVerdict[];
  /** A repeat under the same idempotency key: this is the first answer. */
  readonly replayed: boolean;
};
/** `problems`: all that is wrong with the request; `recipients`: set when everyone was refused. */
export type NotAccepted = { readonly problems: readonly Rejection[]; readonly recipients?: readonly RecipientVerdict[] };
export type Acceptance = Accepted | NotAccepted | PortError;
export type AcceptRequest = { readonly input: NotificationInput; readonly caller: Caller; readonly mode: 'live' | 'test' };

export const isAccepted = (it: Acceptance): it is Accepted => 'position' in it;
