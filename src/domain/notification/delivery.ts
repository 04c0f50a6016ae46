import { CHANNELS, type Channel } from '../values/channel.ts';
import { isNotificationId, trusted, type DeliveryId, type NotificationId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';

/**
 * One recipient × one channel, as the log tells it. `open`: started and not answered. `doubt`: some start has no answer of its own,
 * so the provider may have the message whatever later starts say: it never ends as not sent, and keeps its attempt, that is its
 * key. Only an acceptance ends the doubt. `unwanted`: cancelled while in flight. The protocol stands in docs/architecture.md.
 */
export type Delivery = {
  readonly n: number;
  status: DeliveryState;
  attempt: number;
  /** Tries that count against the limit. */
  tries: number;
  starts: number;
  /** Of them, those before it was last redriven: an operator's word gives it all its starts anew. */
  spent: number;
  doubt: boolean;
  unwanted: boolean;
  /** What waits is due then; of an open start, its claim's end. Undefined: there is nothing to wait for. */
  until: Instant | undefined;
  /** Of the newest start. */
  claim?: string;
  provider?: string;
  /** The newest reason of a deferral, a suppression or a refusal. */
  code?: string;
};
export type DeliveryState =
  'new' | 'deferred' | 'planned' | 'retry' | 'open' | 'sent' | 'failed' | 'dead' | 'unknown' | 'suppressed' | 'cancelled' | 'left';

/** What the table of actions holds for a delivery in each state: the table is a function of the log. */
export const WORK: Readonly<Record<DeliveryState, 'plan' | 'handOff' | 'recover' | undefined>> = {
  new: 'plan',
  deferred: 'plan',
  planned: 'handOff',
  retry: 'handOff',
  open: 'recover',
  sent: undefined,
  failed: undefined,
  dead: undefined,
  unknown: undefined,
  suppressed: undefined,
  cancelled: undefined,
  left: undefined,
};

export const newDelivery = (n: number, until: Instant): Delivery => ({
  n,
  status: 'new',
  attempt: 1,
  tries: 0,
  starts: 0,
  spent: 0,
  doubt: false,
  unwanted: false,
  until,
});

/** n = 8 × the recipient's index + the channel's number, so planning again keeps it. */
export const nOf = (index: number, channel: Channel): number => 8 * index + CHANNELS.indexOf(channel);
export const indexOf = (n: number): number => n >> 3;
export function channelOf(n: number): Channel {
  const channel = CHANNELS[n & 7];
  if (channel === undefined) throw new RangeError(`no channel has the number ${String(n & 7)}`);
  return channel;
}

/** `<notificationId>_<n>` → its parts; nothing where it is no delivery's id. */
export function deliveryIdIn(text: string): { readonly notification: NotificationId; readonly n: number } | undefined {
  const [notification = '', n = '', ...rest] = text.split('_');
  return isNotificationId(notification) && /^(?:0|[1-9]\d{0,4})$/.test(n) && rest.length === 0 ? { notification, n: Number(n) } : undefined;
}
export const deliveryIdOf = (notification: NotificationId, n: number): DeliveryId => trusted(`${notification}_${String(n)}`);
