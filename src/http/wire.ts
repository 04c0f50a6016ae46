import type { Request, Response } from 'express';
import { parseJson } from './json.ts';
import { decodeUtf8, readLines } from './lines.ts';
import type { Line } from './lines.ts';
import type { Source } from './operation.ts';
import type { Time } from '../consumers/ports.ts';
import { refuse, Refused } from './problems.ts';
import type { Refusal } from './problems.ts';

export type WireLimits = {
  /** Of a JSON body. */
  readonly bodyBytes: number;
  /** Of one line of NDJSON. */
  readonly lineBytes: number;
  readonly linesAtOnce: number;
  /** From the headers to the last byte of a JSON body, milliseconds. */
  readonly bodyMs: number;
  /** Between two pieces of an upload, milliseconds. */
  readonly idleMs: number;
  /** What an upload brings at the least, on average, while we wait for it: one that trickles keeps a place from others of its tenant. */
  readonly bytesPerSecond: number;
  /** So many milliseconds we wait for an upload that has brought too little; that it was fast before buys no more. */
  readonly graceMs: number;
};
export const WIRE: WireLimits = {
  bodyBytes: 1_000_000,
  lineBytes: 1_000_000,
  linesAtOnce: 500,
  bodyMs: 30_000,
  idleMs: 30_000,
  bytesPerSecond: 1000,
  graceMs: 60_000,
};

/** Upload and download sockets close under us; nobody is left to answer. */
export class ClientGone extends Error {
  constructor() {
    super('the client closed the connection');
    this.name = 'ClientGone';
  }
}

const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/merge-patch+json']);

const megabytes = (bytes: number): string => `${Math.round(bytes / 100_000) / 10} MB`;
const tooLarge = (max: number): Refused =>
  new Refused(
    refuse('body_too_large', `Send at most ${megabytes(max)} at once; many notifications go to the bulk or batch routes as NDJSON.`),
  );
const tooSlow = (): Refused =>
  new Refused(
    refuse('request_timeout', 'Send the body without long breaks, and an upload at 1 kB a second or more.', {
      headers: { Connection: 'close' },
    }),
  );

/** How long the sender may take: asked for each wait, told of each piece, and ended when the body is complete. */
type Patience = {
  readonly wait: (onExpiry: () => void) => () => void;
  readonly got: (bytes: number) => void;
  readonly over: () => boolean;
  readonly end: () => void;
};

/** So many milliseconds for each piece, and a bound on all waits together that every byte puts off: only waits count, not our own work. */
function atLeast({ idleMs, bytesPerSecond, graceMs }: WireLimits, time: Time): Patience {
  let left = graceMs;
  const wait = (run: () => void): (() => void) => {
    const began = time.epochMs();
    const cancel = time.after(Math.min(idleMs, left), run);
    return () => {
      left -= Math.max(0, time.epochMs() - began);
      cancel();
    };
  };
  const got = (bytes: number): void => {
    left = Math.min(graceMs, left + (bytes / bytesPerSecond) * 1000);
  };
  return { wait, got, over: () => left <= 0, end: () => {} };
}

/** So many milliseconds for all of it: a trickle of bytes buys no time. */
function inTotal(ms: number, time: Time): Patience {
  let over = false;
  let waiting: (() => void) | undefined;
  const end = time.after(ms, () => {
    over = true;
    waiting?.();
  });
  const wait = (run: () => void): (() => void) => {
    waiting = run;
    return () => {
      waiting = undefined;
    };
  };
  return { wait, got: () => {}, over: () => over, end };
}

/** Waits until there is something to read or the stream has ended. @throws ClientGone, Refused when the patience is over. */
function somethingToRead(req: Request, patience: Patience): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => () => {
      cancel();
      for (const event of ['readable', 'end'] as const) req.off(event, go);
      for (const event of ['error', 'close'] as const) req.off(event, gone);
      then();
    };
    const go = settle(resolve);
    const gone = settle(() => {
      reject(new ClientGone());
    });
    const cancel = patience.wait(
      settle(() => {
        reject(tooSlow());
      }),
    );
    for (const event of ['readable', 'end'] as const) req.on(event, go);
    for (const event of ['error', 'close'] as const) req.on(event, gone);
  });
}

/** The body's pieces, at the reader's pace. */
async function* piecesOf(req: Request, patience: Patience): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const piece: unknown = req.read();
      if (piece instanceof Uint8Array) {
        patience.got(piece.length);
        yield piece;
      } else if (req.readableEnded) return;
      else if (req.destroyed) throw new ClientGone();
      else if (patience.over()) throw tooSlow();
      else await somethingToRead(req, patience);
    }
  } finally {
    patience.end();
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    parts.push(piece);
  }
  return Buffer.concat(parts, size);
}

const mediaTypeOf = (req: Request): string => (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';

const errorsOf = ({ message, path }: { readonly message: string; readonly path?: string }): Pick<Refusal, 'errors'> =>
  path === undefined ? {} : { errors: [{ path, message }] };

/** JSON is UTF-8 (RFC 8259 8.1), and so is what we take as lines of it; ASCII is a part of that. */
function checkCharset(req: Request): void {
  const named = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(req.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  if (!/^(?:utf-?8|us-ascii)$/i.test(named)) throw new Refused(refuse('unsupported_media_type', 'Send the body in UTF-8.'));
}

/** Before any of the body is read: what its header fields rule out already. */
function checkFields(req: Request, maxBytes: number): void {
  if ((req.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new Refused(refuse('unsupported_media_type', 'Send the body without Content-Encoding.'));
  }
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

/** The body of a request, read when an operation asks for it, within time and size. */
export function sourceOf(req: Request, res: Response, limits: WireLimits, time: Time): Source {
  /** A client that waits for `100 Continue` sends nothing before it. */
  const start = (maxBytes: number): void => {
    checkFields(req, maxBytes);
    if (/100-continue/i.test(req.headers.expect ?? '')) res.writeContinue();
  };
  const slowly = (): AsyncIterable<Uint8Array> => piecesOf(req, atLeast(limits, time));

  return {
    contentType: mediaTypeOf(req),
    json: async () => {
      if (!JSON_TYPES.has(mediaTypeOf(req))) throw new Refused(refuse('unsupported_media_type', 'Send application/json.'));
      checkCharset(req);
      start(limits.bodyBytes);
      const text = decodeUtf8(await collect(piecesOf(req, inTotal(limits.bodyMs, time)), limits.bodyBytes));
      const parsed = text === undefined ? ({ ok: false, message: 'it is not UTF-8' } as const) : parseJson(text);
      if (parsed.ok) return parsed.value;
      throw new Refused(refuse('malformed_json', `Correct the body: ${parsed.message}.`, errorsOf(parsed)));
    },
    lines: (): AsyncIterable<readonly Line[]> => {
      checkCharset(req);
      start(Number.POSITIVE_INFINITY);
      return readLines(slowly(), { lineBytes: limits.lineBytes, groupOf: limits.linesAtOnce });
    },
    bytes: (maxBytes) => {
      start(maxBytes);
      // A form is as short as a JSON body; only a file may take its time.
      return collect(maxBytes > limits.bodyBytes ? slowly() : piecesOf(req, inTotal(limits.bodyMs, time)), maxBytes);
    },
  };
}
