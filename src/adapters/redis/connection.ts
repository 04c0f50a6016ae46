import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { backOff } from '../clock/backOff.ts';

/** A Lua script, which Redis knows by its digest once it has seen it. */
export type Script = { readonly text: string; readonly digest: string };
export const scriptOf = (text: string): Script => ({ text, digest: createHash('sha1').update(text).digest('hex') });

export type RedisOptions = {
  /** `redis://` or `rediss://`, as the configuration has checked it. */
  readonly url: string;
  /** Told with a code when it no longer answers, and when it does again. */
  readonly onAway: (code: string) => void;
  readonly onBack: () => void;
  /** Milliseconds that an answer may take. */
  readonly answerMs?: number;
};

export interface RedisConnection {
  /**
   * What the script answers. Undefined: Redis is away, which is known at once, or was found out by this call within `answerMs`; whether the script
   * has run is then open, and it is not sent again.
   */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** When the first try to connect has ended, well or not. */
  readonly tried: Promise<void>;
  close(): void;
}

const ANSWER_MS = 250;
const CONNECT_MS = 1000;
/** Between two tries to connect, until something has been answered. */
const betweenTries = (): (() => number) => backOff(100, 5000);

/** The URL is read here: the client would take options from its query, before ours. */
function placeOf(text: string): object {
  const url = new URL(text);
  const named = (value: string): string | undefined => (value === '' ? undefined : decodeURIComponent(value));
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    username: named(url.username),
    password: named(url.password),
    db: Number(url.pathname.slice(1)),
    ...(url.protocol === 'rediss:' && { tls: {} }),
  };
}

const codeOf = (error: unknown): string => {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  // Redis begins what it refuses with a word: OOM, READONLY, NOAUTH.
  const word = typeof message === 'string' ? /^[A-Z]{2,20}(?= )/.exec(message)?.[0] : undefined;
  return typeof code === 'string' ? code : (word ?? 'failed');
};

const isUnknownScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT');

/** When the loop was held up, an answer may lie there unread when the time is over: it is looked at first. */
function whenOver(ms: number, run: () => void): () => void {
  const timer = setTimeout(() => setImmediate(run), ms);
  return () => {
    clearTimeout(timer);
  };
}

/**
 * A connection that is up or away, and never keeps anybody waiting. Away, it is tried again in the background, by the client's own greeting; so a
 * Redis that is gone, frozen or behind a dead link costs those a short time who were asking in that moment, and nobody else. Nothing is queued
 * while it is away, and nothing is sent twice.
 */
export function connectRedis({ url, onAway, onBack, answerMs = ANSWER_MS }: RedisOptions): RedisConnection {
  let isUp = false;
  /** Of the connection that is up: what an older one has to say is over. */
  let generation = 0;
  let isClosed = false;
  let pauseMs = betweenTries();
  let code = 'closed';
  const redis = new Redis({
    ...placeOf(url),
    protocol: 2,
    disableClientInfo: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Of the greeting as well; whoever asks has given up before.
    commandTimeout: Math.max(CONNECT_MS, 2 * answerMs),
    connectTimeout: CONNECT_MS,
    disconnectTimeout: 100,
    retryStrategy: () => pauseMs(),
  });

  function away(why: string): void {
    if (isUp && !isClosed) onAway(why);
    isUp = false;
  }
  const tried = new Promise<void>((resolve) => {
    redis.once('ready', resolve);
    redis.once('close', () => {
      // It was never there, which is to be told as well.
      if (generation === 0 && !isClosed) onAway(code);
      resolve();
    });
  });
  redis.on('error', (error: unknown) => {
    code = codeOf(error);
  });
  redis.on('close', () => {
    away(code);
  });
  redis.on('ready', () => {
    isUp = true;
    generation += 1;
    code = 'closed';
    onBack();
  });

  function failed(asked: number, why: string): void {
    if (asked !== generation || !isUp) return;
    away(why);
    redis.disconnect(true);
  }

  async function send({ text, digest }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return redis.eval(text, keys.length, ...keys, ...args);
    }
  }

  return {
    tried,
    run: (script, keys, args) => {
      if (!isUp) return Promise.resolve(undefined);
      const asked = generation;
      return new Promise((resolve) => {
        const giveUp = (why: string): void => {
          cancel();
          failed(asked, why);
          resolve(undefined);
        };
        const cancel = whenOver(answerMs, () => {
          giveUp('timeout');
        });
        send(script, keys, args).then(
          (answer) => {
            cancel();
            pauseMs = betweenTries();
            resolve(answer);
          },
          (error: unknown) => {
            giveUp(codeOf(error));
          },
        );
      });
    },
    close: () => {
      isClosed = true;
      isUp = false;
      redis.disconnect();
    },
  };
}
