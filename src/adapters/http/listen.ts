import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { PortError } from '../../domain/kernel/portError.ts';

export type ListenerSettings = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Milliseconds in which the header fields must have come (a slow loris sends one at a time). */
  readonly headersMs: number;
  /** Milliseconds that a whole request may take; bodies have closer limits of their own, an upload of a batch may be long. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** Milliseconds in which a connection with a request under way may be silent both ways. */
  readonly silenceMs: number;
  readonly maxConnections: number;
};
export const LISTENER = {
  headersMs: 10_000,
  requestMs: 3_600_000,
  keepAliveMs: 65_000,
  silenceMs: 120_000,
  maxConnections: 10_000,
} as const;

export interface Listener {
  readonly port: number;
  /** No new connections; what is under way may finish, for `ms` at most. True when it all did. */
  drain(ms: number): Promise<boolean>;
}

/**
 * Tells that what came is no request, where nobody can take that for a part, or for the whole, of another answer. `newest`: the answer to
 * the last request of this connection. What spoils the body of that request is answered while nothing of its answer is out; what
 * follows a whole request waits its turn (RFC 9112 §9.3.2).
 */
function refuseOn(socket: Duplex, newest: ServerResponse | undefined, code: string | undefined): void {
  const end = (): void => {
    if (socket.writable) socket.end(rawProblem(code));
  };
  if (newest === undefined || newest.writableFinished) end();
  else if (newest.req.complete) newest.once('close', end);
  else if (newest.headersSent) socket.destroy();
  else end();
}

/** A proxy in front must not send the next request into a connection that we are closing. */
function closeWhenAnswered(server: Server): void {
  server.prependListener('request', (_req, res) => {
    res.setHeader('Connection', 'close');
  });
}

const NOT_HAD: Readonly<Record<string, readonly [kind: 'unavailable' | 'invalid', code: string, why: string]>> = {
  EADDRINUSE: [
    'unavailable',
    'port_taken',
    'is taken: stop what listens there, or set PORT to another one (PORT=0 takes any that is free)',
  ],
  EACCES: ['invalid', 'port_forbidden', 'is not for this user: set PORT to one above 1023'],
  EADDRNOTAVAIL: ['invalid', 'host_unknown', 'is not an address of this machine: set HOST to one that is'],
  ENOTFOUND: ['invalid', 'host_unknown', 'is no address: set HOST to one of this machine'],
};

/** Opens the port. @throws PortError `port_taken`, `port_forbidden`, `host_unknown`. */
export async function listen(handler: RequestListener, settings: ListenerSettings): Promise<Listener> {
  const server = createServer({
    headersTimeout: settings.headersMs,
    requestTimeout: settings.requestMs,
    keepAliveTimeout: settings.keepAliveMs,
    // How often the limits above are looked at.
    connectionsCheckingInterval: Math.min(settings.headersMs / 2, 5000),
  });
  server.maxConnections = settings.maxConnections;
  // Neither reads nor writes: a reader that stopped reading would hold its place for ever.
  server.timeout = settings.silenceMs;
  const newest = new WeakMap<Duplex, ServerResponse>();
  const handle: RequestListener = (req, res) => {
    newest.set(req.socket, res);
    handler(req, res);
  };
  server.on('request', handle);
  // The handler says `100 Continue` itself, once it wants the body: an overloaded service refuses before it is sent.
  server.on('checkContinue', handle);
  // What else somebody expects may be ignored (RFC 9110 §10.1.1); Node's own answer would be no problem of ours.
  server.on('checkExpectation', handle);
  // It is told of each piece that still comes: one refusal waits for its turn, and not one for each.
  const refused = new WeakSet<Duplex>();
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else if (!refused.has(socket)) refuseOn(socket, newest.get(socket), error.code);
    refused.add(socket);
  });
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const [kind, code, why] = NOT_HAD[error.code ?? ''] ?? ['unavailable', 'port_not_had', `cannot be had (${String(error.code)})`];
      reject(new PortError(kind, code, `${settings.host}:${settings.port} ${why}.`));
    };
    server.once('error', failed);
    // While the process is busy, connections wait here to be taken. Where there is no room (Node's own 511) the system drops one without a
    // word, and its client finds out after a minute; who gets in is answered, if only with 503. The system has a limit of its own.
    server.listen({ port: settings.port, host: settings.host, backlog: settings.maxConnections }, () => {
      server.off('error', failed);
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

type Raw = { readonly status: string; readonly code: string; readonly title: string; readonly detail: string };
const RAW: Readonly<Record<string, Raw>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    code: 'headers_too_large',
    title: 'The header fields are too large',
    detail: 'Send fewer or shorter header fields, and a shorter path.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    code: 'request_timeout',
    title: 'The request did not arrive in time',
    detail: 'Send the request again, without long breaks.',
  },
};
const MALFORMED: Raw = {
  status: '400 Bad Request',
  code: 'malformed_request',
  title: 'The request is malformed',
  detail: 'Send a request as HTTP/1.1 has it (RFC 9112).',
};

/** What never became a request (RFC 9112) is answered by hand. */
function rawProblem(code: string | undefined): string {
  const { status, code: problem, title, detail } = RAW[code ?? ''] ?? MALFORMED;
  const requestId = randomUUID();
  const body = JSON.stringify({
    type: `urn:tidings:problem:${problem}`,
    title,
    status: Number(status.slice(0, 3)),
    detail,
    code: problem,
    requestId,
  });
  const fields = [
    'Connection: close',
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Cache-Control: private, no-store',
  ];
  return `HTTP/1.1 ${status}\r\n${fields.join('\r\n')}\r\n\r\n${body}`;
}
