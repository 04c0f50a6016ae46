import type { Request, Response } from 'express';
import type { Answer } from './operation.ts';
import type { Time } from '../consumers/ports.ts';
import { problemOf } from './problems.ts';
import type { Refusal } from './problems.ts';
import { entityTagOf } from './requestFacts.ts';
import { ClientGone, WIRE } from './wire.ts';

/** How long a client that is still sending may go on, so that it gets to read our answer: milliseconds, bytes. */
const LINGER = { ms: 2000, bytes: 16_000_000 } as const;

/** A body of a length that is known, and no longer than JSON may be, is read to its end after the answer, so that its connection can go on. */
const isShort = ({ headers }: Request): boolean => headers.expect === undefined && Number(headers['content-length']) <= WIRE.bodyBytes;

/**
 * Ends an answer. If the body was not read to its end, a short one is, and is thrown away: whoever is refused because there is too much to do
 * must not have to connect anew, too. With a long one the connection closes (what is still coming would be taken for the next request), but
 * not at once: a socket closed with unread data resets the connection, and the client would never see why.
 */
function end(res: Response, body: string | Uint8Array | undefined, time: Time): void {
  const { req } = res;
  if (req.complete) {
    res.end(body);
    return;
  }
  if (!isShort(req)) res.setHeader('Connection', 'close');
  if (body === undefined) res.flushHeaders();
  else res.write(body);
  let rest = LINGER.bytes;
  const finish = (): void => {
    cancel();
    if (!req.complete) res.once('finish', () => req.socket.destroySoon());
    res.end();
  };
  const cancel = time.after(LINGER.ms, finish);
  req.once('end', finish);
  req.once('close', finish);
  req.on('data', (piece: Uint8Array) => {
    rest -= piece.length;
    if (rest < 0) finish();
  });
}

function fieldsOf(answer: Answer): Readonly<Record<string, string>> {
  return {
    ...(answer.position !== undefined && { 'Tidings-Position': answer.position }),
    ...(answer.revision !== undefined && { ETag: entityTagOf(answer.revision) }),
    ...(answer.replayed === true && { 'Idempotency-Replayed': 'true' }),
    ...answer.headers,
  };
}

/** Waits until the reader has taken what was written. @throws ClientGone */
function drained(res: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = (): void => {
      res.off('close', onClose);
      resolve();
    };
    const onClose = (): void => {
      res.off('drain', onDrain);
      reject(new ClientGone());
    };
    res.once('drain', onDrain);
    res.once('close', onClose);
  });
}

async function* asLines(values: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

async function sendPieces(res: Response, type: string, pieces: AsyncIterable<string>): Promise<void> {
  res.setHeader('Content-Type', type);
  res.flushHeaders();
  for await (const piece of pieces) {
    if (res.destroyed) throw new ClientGone();
    if (!res.write(piece)) await drained(res);
  }
  res.end();
}

function send(res: Response, type: string, body: string | Uint8Array, time: Time): void {
  res.setHeader('Content-Type', type);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  end(res, body, time);
}

export async function sendAnswer(res: Response, answer: Answer, time: Time): Promise<void> {
  res.status(answer.status);
  for (const [name, value] of Object.entries(fieldsOf(answer))) res.setHeader(name, value);
  if (answer.lines !== undefined) await sendPieces(res, 'application/x-ndjson', asLines(answer.lines));
  else if (answer.pieces !== undefined) await sendPieces(res, answer.pieces.type, answer.pieces.of);
  else if (answer.content !== undefined) send(res, answer.content.type, answer.content.bytes, time);
  else if (answer.body !== undefined) send(res, 'application/json; charset=utf-8', JSON.stringify(answer.body), time);
  else end(res, undefined, time);
}

export function sendProblem(res: Response, refusal: Refusal, requestId: string, time: Time): void {
  const problem = problemOf(refusal, requestId);
  res.status(problem.status);
  for (const [name, value] of Object.entries(refusal.headers ?? {})) res.setHeader(name, value);
  send(res, 'application/problem+json; charset=utf-8', JSON.stringify(problem), time);
}
