import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * The door between clients and the server behind it. Unlike a proxy that loses bytes, it keeps what it holds back, as the kernel does for a
 * process that is stopped: after `thaw` everything arrives.
 */
export type Gate = {
  readonly port: number;
  /** Nothing passes in either direction, not even an answer to a ping; connections stay and new ones are taken. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** What comes back reaches the client this many ms later. */
  readonly delay: (ms: number) => void;
  /** Resets all connections. */
  readonly cut: () => void;
  /** Resets all connections and takes no more: the port is closed. */
  readonly shut: () => Promise<void>;
  /** Takes connections again, on the same port. */
  readonly open: () => Promise<void>;
  readonly connections: () => number;
};

type Pair = { readonly client: Socket; readonly server: Socket };

export async function openGate(innerPort: number, innerHost = '127.0.0.1'): Promise<Gate> {
  const pairs = new Set<Pair>();
  let [frozen, delayMs] = [false, 0];

  const reset = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.server.destroy();
  };

  const carry = (pair: Pair, from: Socket, to: Socket): void => {
    let [waiting, last] = [0, Promise.resolve()];
    const pass = (chunk: Buffer): void => {
      if (to.destroyed || to.write(chunk)) return;
      from.pause();
      to.once('drain', () => {
        if (!frozen) from.resume();
      });
    };
    from.on('data', (chunk: Buffer) => {
      const ms = from === pair.server ? delayMs : 0;
      if (ms === 0 && waiting === 0) return pass(chunk);
      waiting += 1;
      last = Promise.all([last, pause(ms)]).then(() => {
        waiting -= 1;
        pass(chunk);
      });
    });
    from.on('error', () => undefined);
    from.on('close', () => reset(pair));
    if (frozen) from.pause();
  };

  const accept = (client: Socket): void => {
    client.setNoDelay(true);
    const server = connect({ port: innerPort, host: innerHost, noDelay: true });
    const pair = { client, server };
    pairs.add(pair);
    carry(pair, client, server);
    carry(pair, server, client);
  };

  let door = createServer(accept);
  const port = await listen(door, 0);

  return {
    port,
    freeze: () => {
      frozen = true;
      for (const { client, server } of pairs) [client, server].forEach((socket) => socket.pause());
    },
    thaw: () => {
      frozen = false;
      for (const { client, server } of pairs) [client, server].forEach((socket) => socket.resume());
    },
    delay: (ms) => (delayMs = ms),
    cut: () => [...pairs].forEach(reset),
    shut: async () => {
      const closed = new Promise<void>((resolve) => door.close(() => resolve()));
      [...pairs].forEach(reset);
      await closed;
    },
    open: async () => {
      door = createServer(accept);
      await listen(door, port);
    },
    connections: () => pairs.size,
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
