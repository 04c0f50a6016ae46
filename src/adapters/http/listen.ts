import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type ListenerSettings = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Milliseconds in which the header fields must have come (a slow loris sends one at a time). */
  readonly headersMs: number;
  /** Milliseconds that a whole request may take; bodies have closer limits of their own, an upload of a batch may be long. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  readonly maxConnections: number;
};
export const LISTENER = { headersMs: 10_000, requestMs: 3_600_000, keepAliveMs: 65_000, maxConnections: 10_000 } as const;

export interface Listener {
  readonly port: number;
  /** No new connections; what is under way may finish, for `ms` at most. True when it all did. */
  drain(ms: number): Promise<boolean>;
}

/** A proxy in front must not send the next request into a connection that we are closing. */
function closeWhenAnswered(server: Server): void {
  server.prependListener('request', (_req, res) => {
    res.setHeader('Connection', 'close');
  });
}

/**
 * Opens the port. @throws the system's error (`EADDRINUSE`, `EACCES`) when it can't be had.
 */
export async function listen(handler: RequestListener, settings: ListenerSettings): Promise<Listener> {
  const server = createServer({
    headersTimeout: settings.headersMs,
    requestTimeout: settings.requestMs,
    keepAliveTimeout: settings.keepAliveMs,
    // How often the limits above are looked at.
    connectionsCheckingInterval: Math.min(settings.headersMs / 2, 5000),
  });
  server.maxConnections = settings.maxConnections;
  server.on('request', handler);
  // The handler says `100 Continue` itself, once it wants the body: an overloaded service refuses before it is sent.
  server.on('checkContinue', handler);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else socket.end(rawProblem(error.code));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    drain: (ms) => drain(server, ms),
  };
}

async function drain(server: Server, ms: number): Promise<boolean> {
  closeWhenAnswered(server);
  let inTime = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection that falls idle while we drain would keep us waiting for its time-out.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const deadline = setTimeout(() => {
    inTime = false;
    server.closeAllConnections();
  }, ms);
  await closed;
  clearTimeout(deadline);
  clearInterval(sweep);
  return inTime;
}

const RAW: Readonly<Record<string, readonly [status: string, code: string, title: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'headers_too_large', 'The header fields are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'request_timeout', 'The request did not arrive in time'],
};
const MALFORMED = ['400 Bad Request', 'malformed_request', 'The request is malformed'] as const;

/** What never became a request (RFC 9112) is answered by hand. */
function rawProblem(code: string | undefined): string {
  const [status, problem, title] = RAW[code ?? ''] ?? MALFORMED;
  const body = JSON.stringify({
    type: `urn:tidings:problem:${problem}`,
    title,
    status: Number(status.slice(0, 3)),
    detail: title,
    code: problem,
  });
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
