import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterHearing, type Timers } from '../../domain/kernel/afterHearing.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { backOff } from '../clock/backOff.ts';
import { clientConfig, type PoolRole } from './pool.ts';

/** `payload` is null when the connection is new: whatever was sent before may have been missed, so look for yourself. */
export type OnNotify = (payload: string | null) => void;

export interface Listener {
  /** Resolves once the server listens, having called `onNotify(null)`. Returns what ends the subscription. */
  subscribe(channel: string, onNotify: OnNotify): Promise<() => void>;
  /** The key of an advisory lock that the connection has, a new one for each connection; undefined while there is none. */
  presence(): string | undefined;
  close(): Promise<void>;
}

export type ListenerOptions = {
  readonly url: string;
  readonly role: PoolRole;
  readonly onError?: (error: PortError) => void;
  /** Milliseconds between checks that the connection is alive (a half-open one says nothing by itself). */
  readonly keepAliveMs?: number;
  /** Milliseconds that it has for its answer; 5 s. */
  readonly answerMs?: number;
};

const CHANNEL = /^[a-z_][a-z0-9_]{0,62}$/;
const ANSWER_MS = 5_000;
const LOOK_AGAIN_MS = 50;
const betweenTries = (): (() => number) => backOff(50, 5_000);

type Open = { readonly client: pg.Client; readonly gone: AbortSignal };

async function open(options: ListenerOptions, onNotify: (channel: string, payload: string) => void): Promise<Open> {
  const client = new pg.Client(
    clientConfig({
      url: options.url,
      role: options.role,
      applicationName: 'tidings listen',
      statementTimeoutMs: ANSWER_MS,
      onItsWayMs: 25_000,
    }),
  );
  const gone = new AbortController();
  client.on('error', () => {
    gone.abort();
  });
  client.on('end', () => {
    gone.abort();
  });
  client.on('notification', ({ channel, payload }) => {
    onNotify(channel, payload ?? '');
  });
  await client.connect();
  return { client, gone: gone.signal };
}

/** What is asked of a connection, one after the other: a client takes one query at a time. */
const asked = new WeakMap<pg.Client, Promise<boolean>>();
function ask(client: pg.Client, text: string): Promise<boolean> {
  const answered = (asked.get(client) ?? Promise.resolve(true)).then(() =>
    client.query(text).then(
      () => true,
      () => false,
    ),
  );
  asked.set(client, answered);
  return answered;
}

/** None of them keeps the process. */
const TIMERS: Timers = {
  after(ms, run) {
    const once = setTimeout(run, ms);
    once.unref();
    return () => clearTimeout(once);
  },
};

/** Whether it is answered, within so many ms. */
const answers = (client: pg.Client, text: string, answerMs = ANSWER_MS): Promise<boolean> =>
  new Promise((resolve) => {
    const cancel = afterHearing(TIMERS, answerMs, () => resolve(false));
    void ask(client, text).then(resolve).finally(cancel);
  });

/** Resolves when the connection is gone, stops answering, or is no longer wanted. */
async function lost({ client, gone }: Open, signal: AbortSignal, { keepAliveMs = 15_000, answerMs }: ListenerOptions): Promise<void> {
  const ended = AbortSignal.any([gone, signal]);
  while (!ended.aborted) {
    await sleep(keepAliveMs, undefined, { signal: ended, ref: false }).catch(() => undefined);
    if (ended.aborted || !(await answers(client, 'select 1', answerMs))) return;
  }
}

/**
 * One connection for every LISTEN of a process. It heals by itself with back-off (50 ms to 5 s). A NOTIFY is a hint: a subscriber
 * also looks whenever it is called with null, and keeps a slow poll of its own where a lost hint would hurt.
 */
export function openListener(options: ListenerOptions): Listener {
  const subscribers = new Map<string, Set<OnNotify>>();
  const closing = new AbortController();
  const { signal } = closing;
  let current: pg.Client | undefined;
  let presence: string | undefined;

  const tell = (channel: string, payload: string | null): void => {
    for (const onNotify of subscribers.get(channel) ?? []) onNotify(payload);
  };

  const serveOnce = async (): Promise<void> => {
    const connection = await open(options, tell);
    const { client } = connection;
    // From here on a new subscriber listens by itself; those of before are listed now.
    current = client;
    try {
      const channels = [...subscribers.keys()];
      const key = randomBytes(8).readBigInt64BE().toString();
      const begin = [`select pg_advisory_lock(${key})`, ...channels.map((channel) => `listen ${channel}`)].join('; ');
      if (!(await answers(client, begin, options.answerMs)))
        throw new PortError('unavailable', 'listen_failed', 'the server did not begin to listen');
      presence = key;
      for (const channel of channels) tell(channel, null);
      await lost(connection, signal, options);
    } finally {
      [current, presence] = [undefined, undefined];
      // A half-open connection would not answer a polite goodbye either: bounded.
      await Promise.race([client.end().catch(() => undefined), sleep(1_000, undefined, { ref: false })]);
    }
  };

  const serve = async (): Promise<void> => {
    for (let pauseMs = betweenTries(); !signal.aborted;) {
      try {
        await serveOnce();
        pauseMs = betweenTries();
      } catch (cause) {
        options.onError?.(new PortError('unavailable', 'listener_lost', 'the listening connection to the database was lost', { cause }));
      }
      await sleep(pauseMs(), undefined, { signal }).catch(() => undefined);
    }
  };
  const served = serve();

  /** What is notified before the callback is known is covered by its first call with null. */
  const listen = async (channel: string): Promise<void> => {
    while (!signal.aborted) {
      const client = current;
      const listening = client !== undefined && (await ask(client, `listen ${channel}`));
      if (listening && client === current) return;
      await sleep(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
    throw new PortError('unavailable', 'listener_closed', 'the listener was closed');
  };

  return {
    async subscribe(channel, onNotify) {
      if (!CHANNEL.test(channel)) throw new PortError('invalid', 'channel_name', 'not a name of a channel');
      await listen(channel);
      const callbacks = subscribers.get(channel) ?? new Set();
      subscribers.set(channel, callbacks.add(onNotify));
      onNotify(null);
      // The connection goes on listening: to end that would make deaf who comes at this moment, and channels are few.
      return () => void callbacks.delete(onNotify);
    },
    presence: () => presence,
    async close() {
      closing.abort();
      await served;
    },
  };
}
