import pg from 'pg';
import { within } from '../within.ts';
import { failureOf } from './failure.ts';

const GOODBYE_MS = 1_000;

/**
 * The server gives up on a peer that is gone after some 20 s: the lock on the log must not outlive whoever held it. A statement
 * that waits for that lock in vain ends before we stop listening, and says so: that answer is definite.
 */
const session = (attemptMs: number): string => `set lock_timeout = ${Math.ceil(0.7 * attemptMs)};
  set statement_timeout = ${Math.ceil(0.8 * attemptMs)};
  set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 3; set tcp_keepalives_count = 3; set tcp_user_timeout = '20s'`;

/** A connection that appends: opened when it is needed, given up whole as soon as anything about it is in doubt. */
export class AppendConnection {
  readonly #config: pg.ClientConfig;
  readonly #attemptMs: number;
  #client: pg.Client | undefined;

  /** `attemptMs`: bounds opening, and each call. */
  constructor(config: pg.ClientConfig, attemptMs: number) {
    this.#config = config;
    this.#attemptMs = attemptMs;
  }

  /** Rejects with the driver's error, or with `Error('deadline')`: then nothing has been sent. */
  async open(): Promise<void> {
    if (this.#client !== undefined) return;
    const client = new pg.Client(this.#config);
    client.on('error', () => this.#gone(client));
    client.on('end', () => this.#gone(client));
    try {
      await within(this.#attemptMs, client.connect());
      await within(this.#attemptMs, client.query(session(this.#attemptMs)));
      this.#client = client;
    } catch (error) {
      end(client);
      throw error;
    }
  }

  /** On the connection that `open` has opened. Rejects with the driver's error, or with `Error('deadline')`. */
  async query(config: pg.QueryArrayConfig<unknown[]>): Promise<readonly unknown[][]> {
    const client = this.#client;
    if (client === undefined) throw new Error('not connected');
    try {
      return (await within(this.#attemptMs, client.query<unknown[]>(config))).rows;
    } catch (error) {
      if (failureOf(error) === 'open') this.close();
      throw error;
    }
  }

  close(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client) end(client);
  }

  #gone(client: pg.Client): void {
    if (this.#client === client) this.close();
  }
}

/** Says goodbye, but does not wait for a server that no longer answers. */
function end(client: pg.Client): void {
  client.end().catch(() => undefined);
  setTimeout(() => client.connection.stream.destroy(), GOODBYE_MS).unref();
}
