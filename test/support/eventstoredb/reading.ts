import type { ServerWritableStream } from '@grpc/grpc-js';
import { fail } from './appending.ts';
import { streamDeleted, unknown, type Failure } from './failures.ts';
import type { Ledger, RecordedEvent } from './ledger.ts';
import { eventResponse, nameOf, streamNotFoundResponse } from './messages.ts';
import { streamsPb } from './protocol.ts';

export type ReadReq = InstanceType<typeof streamsPb.ReadReq>;
export type ReadResp = InstanceType<typeof streamsPb.ReadResp>;
export type ReadCall = ServerWritableStream<ReadReq, ReadResp>;
export type ReadOptions = InstanceType<typeof streamsPb.ReadReq.Options>;

type Found = { readonly kind: 'events'; readonly events: readonly RecordedEvent[] } | { readonly kind: 'missing' } | Failed;
type Failed = { readonly kind: 'failed'; readonly failure: Failure };

const failed = (failure: Failure): Failed => ({ kind: 'failed', failure });
const streamError = (): Failed => failed(unknown('Unexpected ReadStreamResult: Error'));
const allError = (): Failed => failed(unknown('Unexpected ReadAllResult: Error'));

/** Reads once, a stream or everything, as fast as the client takes it. */
export async function readOnce(ledger: Ledger, call: ReadCall, options: ReadOptions): Promise<void> {
  const found = options.hasAll() ? fromAll(ledger, options) : fromStream(ledger, options);
  if (found.kind === 'failed') return fail(call, found.failure);
  if (found.kind === 'missing') call.write(streamNotFoundResponse(nameOf(options.getStream()?.getStreamIdentifier())));
  else for (const event of found.events) if (!(await sent(call, eventResponse(event)))) return;
  call.end();
}

/** Whether it went out: false once the call is over. Waits while the client takes no more. */
export async function sent(call: ReadCall, response: ReadResp): Promise<boolean> {
  if (call.cancelled || call.destroyed) return false;
  if (call.write(response)) return true;
  await new Promise<void>((resolve) => {
    const over = (): void => {
      for (const event of ['drain', 'cancelled', 'close', 'error']) call.off(event, over);
      resolve();
    };
    for (const event of ['drain', 'cancelled', 'close', 'error']) call.on(event, over);
  });
  return !call.cancelled && !call.destroyed;
}

function fromStream(ledger: Ledger, options: ReadOptions): Found {
  const from = options.getStream()!;
  const stream = nameOf(from.getStreamIdentifier());
  const [count, backwards] = [Number(options.getCount()), isBackwards(options)];
  if (count === 0 || (from.hasEnd() && !backwards)) return streamError();
  const view = ledger.view(stream);
  if (view.kind === 'deleted') return failed(streamDeleted(stream));
  if (view.kind === 'missing') return { kind: 'missing' };
  const at = from.hasEnd() ? view.last : BigInt(from.hasRevision() ? from.getRevision() : 0);
  if (!backwards) return { kind: 'events', events: firsts(view.events, ({ revision }) => revision >= at, count) };
  return { kind: 'events', events: lasts(view.events, ({ revision }) => revision <= at, count) };
}

function fromAll(ledger: Ledger, options: ReadOptions): Found {
  const from = options.getAll()!;
  const [count, backwards] = [Number(options.getCount()), isBackwards(options)];
  if (count === 0 || (from.hasEnd() && !backwards)) return allError();
  const at = positionIn(ledger, from);
  if (at === undefined) return allError();
  const index = indexFrom(ledger.all, at);
  if (!backwards) return { kind: 'events', events: ledger.all.slice(index, index + count) };
  return { kind: 'events', events: ledger.all.slice(Math.max(0, index - count), index).reverse() };
}

type AllOptions = InstanceType<typeof streamsPb.ReadReq.Options.AllOptions>;

/** Where in the log a request begins; undefined for a place where no record begins. Past the end is the end. */
export function positionIn(ledger: Ledger, from: AllOptions): bigint | undefined {
  if (from.hasEnd()) return ledger.end();
  if (!from.hasPosition()) return 0n;
  const commit = BigInt(from.getPosition()!.getCommitPosition());
  const prepare = BigInt(from.getPosition()!.getPreparePosition());
  if (commit >= ledger.end() || commit === 0n) return commit;
  const exact = ledger.all[indexFrom(ledger.all, commit)]?.position === commit;
  return exact && prepare === commit ? commit : undefined;
}

/** The first record at or after a position; the number of records where there is none. */
export function indexFrom(all: readonly RecordedEvent[], position: bigint): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (all[middle]!.position < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

const isBackwards = (options: ReadOptions): boolean => options.getReadDirection() === streamsPb.ReadReq.Options.ReadDirection.BACKWARDS;

type Test = (event: RecordedEvent) => boolean;

function firsts(events: readonly RecordedEvent[], from: Test, count: number): readonly RecordedEvent[] {
  const first = events.findIndex(from);
  return first === -1 ? [] : events.slice(first, first + count);
}

function lasts(events: readonly RecordedEvent[], upTo: Test, count: number): readonly RecordedEvent[] {
  const last = events.findLastIndex(upTo);
  return events.slice(Math.max(0, last + 1 - count), last + 1).reverse();
}
