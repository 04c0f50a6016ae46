import { connect } from 'node:net';

/** An answer as it came over the wire; `rest`: what followed it on the same connection. */
export type RawAnswer = { readonly status: number; readonly headers: Headers; readonly body: Buffer; readonly rest: Buffer };
/** `closed`: the connection ended without an answer; `silent`: not all was said until the deadline; `garbled`: it breaks the rules of chunks. */
export type Heard = RawAnswer | 'closed' | 'silent' | 'garbled';

const CRLF = Buffer.from('\r\n');
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const BODILESS = new Set([204, 304]);

function headersOf(lines: readonly string[]): Headers {
  const headers = new Headers();
  for (const line of lines) headers.append(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim());
  return headers;
}

/** The pieces of a chunked body (RFC 9112 §7.1); undefined: it is not whole yet. */
function unchunked(bytes: Buffer): { readonly body: Buffer; readonly rest: Buffer } | 'garbled' | undefined {
  const pieces: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf(CRLF, at);
    if (end < 0) return undefined;
    const line = bytes.toString('latin1', at, end);
    if (!/^[0-9a-f]+$/i.test(line)) return 'garbled';
    const size = Number.parseInt(line, 16);
    const from = end + CRLF.length;
    if (bytes.length < from + size + CRLF.length) return undefined;
    if (size === 0) return { body: Buffer.concat(pieces), rest: bytes.subarray(from + CRLF.length) };
    pieces.push(bytes.subarray(from, from + size));
    at = from + size + CRLF.length;
  }
}

/** The first final answer in these bytes (`100 Continue` is passed over); undefined: it is not whole yet. */
export function answerIn(
  bytes: Buffer,
  { ended, method }: { readonly ended: boolean; readonly method: string },
): RawAnswer | 'garbled' | undefined {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  const after = bytes.subarray(end + END_OF_HEAD.length);
  if (status < 200) return answerIn(after, { ended, method });
  const headers = headersOf(lines);
  if (method === 'HEAD' || BODILESS.has(status)) return { status, headers, body: Buffer.alloc(0), rest: after };
  if (headers.get('transfer-encoding') === 'chunked') {
    const whole = unchunked(after);
    return typeof whole === 'object' ? { status, headers, ...whole } : whole;
  }
  const length = headers.get('content-length');
  if (length === null) return ended ? { status, headers, body: after, rest: Buffer.alloc(0) } : undefined;
  return after.length < Number(length)
    ? undefined
    : { status, headers, body: after.subarray(0, Number(length)), rest: after.subarray(Number(length)) };
}

export type Sending = {
  readonly port: number;
  readonly bytes: Buffer | string;
  /** Of the first request in the bytes: HEAD has no body. */
  readonly method?: string;
  /** Sends FIN behind the bytes. */
  readonly halfClose?: boolean;
  readonly deadlineMs?: number;
};

/** Bytes of whatever shape over a connection of their own, and the first answer to them. */
export function exchange({ port, bytes, method = 'GET', halfClose = false, deadlineMs = 20_000 }: Sending): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let heard = Buffer.alloc(0);
    const settle = (what: Heard): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(what);
    };
    const timer = setTimeout(() => settle('silent'), deadlineMs);
    const look = (ended: boolean): void => {
      const answer = answerIn(heard, { ended, method });
      if (answer !== undefined) settle(answer);
      else if (ended) settle('closed');
    };
    socket.on('data', (piece: Buffer) => {
      heard = Buffer.concat([heard, piece]);
      look(false);
    });
    socket.on('end', () => look(true));
    socket.on('error', () => look(true));
    if (halfClose) socket.end(bytes);
    else socket.write(bytes);
  });
}
