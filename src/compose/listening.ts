import { listen, LISTENER, type Listener } from '../adapters/http/listen.ts';
import type { Config } from '../config.ts';
import { PortError } from '../domain/kernel/portError.ts';
import type { Closing } from './closing.ts';

/** Where a process answers. `localUrl`: as this machine reaches it, past any proxy. */
export type Listening = { readonly port: number; readonly localUrl: string };

type Handler = Parameters<typeof listen>[0];

/** Opens the port of the configuration; when all is closed, what is under way there may end. @throws PortError */
export async function startListening({ http, shutdownMs }: Config, handler: Handler, closing: Closing): Promise<Listening> {
  const listener = await firstFree(http, handler);
  closing.add('http', () => listener.drain(Math.floor(shutdownMs / 2)));
  return { port: listener.port, localUrl: localUrlOf(http.host, listener.port) };
}

const NEXT_PORTS = 20;

/** PORT unset and taken: the next free one. */
async function firstFree({ host, port, orNext }: Config['http'], handler: Handler): Promise<Listener> {
  for (let next = port; ; next += 1) {
    try {
      return await listen(handler, { ...LISTENER, host, port: next });
    } catch (error) {
      const taken = error instanceof PortError && error.code === 'port_taken';
      if (!taken || !orNext || next >= port + NEXT_PORTS) throw error;
    }
  }
}

/** An address that means all of this machine's is spoken to on loopback; one of IPv6 stands in brackets (RFC 3986 §3.2.2). */
function localUrlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${String(port)}`;
}
