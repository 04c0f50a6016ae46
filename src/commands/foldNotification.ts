import type { Recorded } from '../domain/kernel/metadata.ts';
import type { NotificationEvent } from '../domain/notification/events.ts';
import { absent, evolve, type RequestedNotification } from '../domain/notification/evolve.ts';

/** A notification as its log says; undefined where there is none. */
export function foldNotification(events: readonly Recorded<NotificationEvent>[]): RequestedNotification | undefined {
  const state = events.reduce((so, { event }) => evolve(so, event), absent());
  return state.status === 'requested' ? state : undefined;
}
