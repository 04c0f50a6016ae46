import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** A server on this machine: a TCP port, or the path of a unix socket. */
export type ProxyTarget = { readonly port: number; readonly host?: string } | { readonly path: string };
/** `request`: from the client to the server; `reply`: the other way. */
export type Direction = 'request' | 'reply';

/**
 * A TCP proxy on 127.0.0.1 that misbehaves when told to. Every fault holds for the connections that are open and, except for
 * `cut`, `cutAtNext` and `loseAnswerTo`, for those that come, until `heal`.
 */
export type FaultProxy = {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Connections that are open now. */
  readonly open: () => number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
  /** Resets (RST) all open connections. */
  readonly cut: () => void;
  /**
   * The next bytes in this direction are lost, and their connection with them. A lost `reply` is how a commit happens
   * that nobody hears of. Resolves when it has happened.
   */
  readonly cutAtNext: (direction: Direction) => Promise<void>;
  /** The answer to the next request that holds this is lost, and its connection with it. Resolves when it has happened. */
  readonly loseAnswerTo: (text: string) => Promise<void>;
  /** Half-open: connections stay up, every byte vanishes. */
  readonly blackhole: () => void;
  /** Every chunk, in both directions, arrives this many ms later; order is kept. */
  readonly delay: (ms: number) => void;
  /** Chunks are cut to pieces of this many bytes, one every so many ms. */
  readonly trickle: (bytes: number, everyMs: number) => void;
  /** New connections are reset at once. */
  readonly refuse: () => void;
  /** All is well again, except on a connection of which bytes have vanished: that stays half-open, as TCP delivers all or nothing more. */
  readonly heal: () => void;
  readonly close: () => Promise<void>;
};

type Fault =
  | { readonly kind: 'none' | 'blackhole' | 'refuse' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'trickle'; readonly bytes: number; readonly everyMs: number };
/** `asked`: what it has been asked and not answered. `lossy`: some of its bytes have vanished, so that none may come after them. */
type Pair = { readonly client: Socket; readonly server: Socket; readonly asked: Set<string>; lossy: boolean };
type Armed = { readonly direction: Direction; readonly to?: string; readonly happened: () => void };

export async function startFaultProxy(target: ProxyTarget): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let fault: Fault = { kind: 'none' };
  let armed: readonly Armed[] = [];
  let accepted = 0;

  const reset = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.server.destroy();
  };

  /** Whether the chunk was swallowed, and its connection with it. */
  const struck = (pair: Pair, direction: Direction): boolean => {
    const hit = armed.find((one) => one.direction === direction && (one.to === undefined || pair.asked.has(one.to)));
    if (!hit) return false;
    armed = armed.filter((one) => one !== hit);
    reset(pair);
    hit.happened();
    return true;
  };

  const pump = (pair: Pair, direction: Direction): void => {
    const [from, to] = direction === 'request' ? [pair.client, pair.server] : [pair.server, pair.client];
    let last = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      if (direction === 'request') for (const { to: text } of armed) if (text !== undefined && chunk.includes(text)) pair.asked.add(text);
      if (struck(pair, direction)) return;
      pair.lossy ||= fault.kind === 'blackhole';
      if (pair.lossy) return;
      const carry = carrier(fault);
      from.pause();
      last = last.then(() => carry(chunk, to)).then(() => void from.resume());
    });
    const passes = (): boolean => !pair.lossy && fault.kind !== 'blackhole';
    from.on('end', () => void last.then(() => passes() && to.end()));
    from.on('error', () => undefined);
    from.on('close', () => void last.then(() => passes() && reset(pair)));
  };

  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    accepted += 1;
    if (fault.kind === 'refuse') {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const pair: Pair = { client, server: connect({ ...target, allowHalfOpen: true }), asked: new Set(), lossy: false };
    pairs.add(pair);
    pump(pair, 'request');
    pump(pair, 'reply');
  });
  const port = await listen(proxy);

  return {
    host: '127.0.0.1',
    port,
    open: () => pairs.size,
    accepted: () => accepted,
    cut: () => [...pairs].forEach(reset),
    cutAtNext: (direction) => new Promise((happened) => (armed = [...armed, { direction, happened }])),
    loseAnswerTo: (text) => new Promise((happened) => (armed = [...armed, { direction: 'reply', to: text, happened }])),
    blackhole: () => (fault = { kind: 'blackhole' }),
    delay: (ms) => (fault = { kind: 'delay', ms }),
    trickle: (bytes, everyMs) => (fault = { kind: 'trickle', bytes, everyMs }),
    refuse: () => (fault = { kind: 'refuse' }),
    heal: () => {
      fault = { kind: 'none' };
      armed = [];
    },
    close: () => {
      const closed = new Promise<void>((resolve) => proxy.close(() => resolve()));
      [...pairs].forEach(reset);
      return closed;
    },
  };
}

/** How a chunk travels under this fault; resolves when the next one may. */
function carrier(fault: Fault): (chunk: Buffer, to: Socket) => Promise<void> {
  return async (chunk, to) => {
    if (fault.kind === 'delay') await pause(fault.ms);
    if (fault.kind !== 'trickle') return write(to, chunk);
    for (let at = 0; at < chunk.length && !to.destroyed; at += fault.bytes) {
      await write(to, chunk.subarray(at, at + fault.bytes));
      await pause(fault.everyMs);
    }
  };
}

/** Resolves when the socket has taken it or is gone. */
const write = (to: Socket, chunk: Buffer): Promise<void> =>
  new Promise((resolve) => {
    if (to.destroyed || !to.writable) resolve();
    else to.write(chunk, () => resolve());
  });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
