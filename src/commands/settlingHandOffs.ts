import { indexOf } from '../domain/notification/delivery.ts';
import type { NotificationEvent } from '../domain/notification/events.ts';
import type { RequestedNotification } from '../domain/notification/evolve.ts';
import type { NotificationId, TenantId } from '../domain/values/ids.ts';
import { epochMsOf, type Instant } from '../domain/values/instant.ts';
import { streamOf } from '../domain/values/streams.ts';
import { foldNotification } from './foldNotification.ts';
import type { Clock, EventLog } from './ports.ts';

/** Notifications with the indexes of the recipients in question; undefined: all of them. */
export type Concerned = ReadonlyMap<NotificationId, readonly number[] | undefined>;
/** `cancelled`, `alreadySent`: counts of deliveries; `pending`: what is in flight did not settle in time. */
export type Settled = { readonly cancelled: number; readonly alreadySent: number; readonly pending: boolean };

export type SettlingPorts = {
  readonly log: EventLog;
  readonly clock: Clock;
  /** Waits this many milliseconds on the service's clock. */
  readonly pause: (ms: number) => Promise<void>;
};

/** How long an answer waits for hand-offs in flight; past it the answer is `pending`, never a false "cancelled". */
const SETTLE_MS = 5000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 800;
/** Notifications that are read at once. */
const AT_ONCE = 100;

/** Of notifications, by id. */
export type States = ReadonlyMap<NotificationId, RequestedNotification>;

/** As their log says; without those that there are not. */
export async function readNotifications(log: EventLog, tenant: TenantId, ids: readonly NotificationId[]): Promise<States> {
  const streams = await log.read<NotificationEvent>(ids.map((id) => streamOf('notification', tenant, id)));
  return new Map(
    ids.flatMap((id) => {
      const state = foldNotification(streams.get(streamOf('notification', tenant, id)) ?? []);
      return state === undefined ? [] : [[id, state] as const];
    }),
  );
}

/** What became of deliveries: counted once no start of them is open within its `until`, as what the log says of them is final then. */
export function settlingHandOffs({ log, clock, pause }: SettlingPorts, tenant: TenantId) {
  let [cancelled, alreadySent, pending] = [0, 0, false];
  let inFlight: Concerned = new Map();

  /** → those in flight, which are counted later. */
  async function look(concerned: Concerned, isLast: boolean, known: States = new Map()): Promise<Concerned> {
    const left = new Map<NotificationId, readonly number[] | undefined>();
    const unknown = [...concerned.keys()].filter((id) => !known.has(id));
    const read: States = unknown.length === 0 ? new Map() : await readNotifications(log, tenant, unknown);
    for (const [id, state] of [...known, ...read]) {
      const places = concerned.get(id);
      const deliveries = [...state.deliveries.values()].filter(({ n }) => places?.includes(indexOf(n)) ?? true);
      const open = deliveries.filter(({ status }) => status === 'open');
      // What was open a moment ago may have ended since.
      const mayEnd = (until: Instant): boolean => known.has(id) || epochMsOf(until) > clock.epochMs();
      if (!isLast && open.some(({ until }) => until !== undefined && mayEnd(until))) {
        left.set(id, places);
        continue;
      }
      cancelled += deliveries.filter(({ status }) => status === 'cancelled').length;
      alreadySent += deliveries.filter(({ status }) => status === 'sent' || status === 'unknown').length;
      pending ||= open.length > 0;
    }
    return left;
  }

  async function lookAgain(isLast: boolean): Promise<void> {
    const waiting = [...inFlight];
    const left = new Map<NotificationId, readonly number[] | undefined>();
    for (let at = 0; at < waiting.length; at += AT_ONCE)
      for (const [id, places] of await look(new Map(waiting.slice(at, at + AT_ONCE)), isLast)) left.set(id, places);
    inFlight = left;
  }

  return {
    /** At once what is settled; `known`: of these, as their log said a moment ago, so that they are not read for it. */
    count: async (concerned: Concerned, known: States): Promise<void> => {
      inFlight = new Map([...inFlight, ...(await look(concerned, false, known))]);
    },
    /** Waits for the rest, for a bounded time or until the signal aborts. */
    end: async (signal?: AbortSignal): Promise<Settled> => {
      const deadline = clock.epochMs() + SETTLE_MS;
      for (let pauseMs = FIRST_PAUSE_MS; inFlight.size > 0; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
        const left = deadline - clock.epochMs();
        if (left > 0 && signal?.aborted !== true) await pause(Math.min(pauseMs, left));
        await lookAgain(left <= 0 || signal?.aborted === true);
      }
      return { cancelled, alreadySent, pending };
    },
  };
}
