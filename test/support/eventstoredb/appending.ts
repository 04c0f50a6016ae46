import type { handleClientStreamingCall, handleUnaryCall, ServerDuplexStream, ServerReadableStream } from '@grpc/grpc-js';
import { maxAppendSizeExceeded, streamDeleted, thrown, unavailable, wrongExpectedVersion, type Failure } from './failures.ts';
import type { Expected, Ledger, Outcome, ProposedEvent } from './ledger.ts';
import {
  batchBadRequest,
  batchStreamDeleted,
  batchSuccess,
  batchTimeout,
  batchTooLarge,
  batchWrongExpectedVersion,
  expectedOf,
  identifierOf,
  nameOf,
  proposedOf,
} from './messages.ts';
import { batchRefusalIn, lostReply, refusalIn, type Mood } from './mood.ts';
import { sharedPb, streamsPb } from './protocol.ts';

type AppendReq = InstanceType<typeof streamsPb.AppendReq>;
type AppendResp = InstanceType<typeof streamsPb.AppendResp>;
type BatchAppendReq = InstanceType<typeof streamsPb.BatchAppendReq>;
type BatchAppendResp = InstanceType<typeof streamsPb.BatchAppendResp>;
type DeleteReq = InstanceType<typeof streamsPb.DeleteReq>;
type DeleteResp = InstanceType<typeof streamsPb.DeleteResp>;
type TombstoneReq = InstanceType<typeof streamsPb.TombstoneReq>;
type TombstoneResp = InstanceType<typeof streamsPb.TombstoneResp>;
export type BatchCall = ServerDuplexStream<BatchAppendReq, BatchAppendResp>;

/** `writeTimeoutMs`: after this an append that was begun and never finished is answered, whether or not it was answered already. */
export type Appending = {
  readonly ledger: Ledger;
  readonly mood: Mood;
  readonly batches: Set<BatchCall>;
  readonly maxAppendBytes: number;
  readonly writeTimeoutMs: number;
};

const bytesOf = (events: readonly ProposedEvent[]): number => events.reduce((sum, { data }) => sum + data.length, 0);
export const fail = (call: { emit: (event: 'error', failure: Failure) => boolean }, failure: Failure): void =>
  void call.emit('error', failure);

/** The unary way: one append a call. */
export const appendCall = ({ ledger, mood, maxAppendBytes }: Appending): handleClientStreamingCall<AppendReq, AppendResp> =>
  function append(call: ServerReadableStream<AppendReq, AppendResp>, callback) {
    const received: AppendReq[] = [];
    call.on('data', (message: AppendReq) => received.push(message));
    call.on('error', () => undefined);
    call.on('end', () => {
      const refusal = refusalIn(mood);
      if (refusal) return callback(refusal);
      const options = received[0]?.getOptions();
      if (!options) return callback(thrown());
      try {
        const stream = nameOf(options.getStreamIdentifier());
        const expected = expectedOf(options, options.getRevision());
        const events = received.slice(1).map((message) => proposedOf(message.getProposedMessage()!));
        if (bytesOf(events) > maxAppendBytes) return callback(maxAppendSizeExceeded(maxAppendBytes));
        const outcome = ledger.append(stream, expected, events);
        const lost = outcome.kind === 'success' && !outcome.repeat ? lostReply(mood) : undefined;
        if (lost === 'silent') return;
        if (lost === 'broken') return callback(unavailable('Connection dropped'));
        if (outcome.kind === 'deleted') return callback(streamDeleted(stream));
        callback(null, appendResponse(outcome, expected));
      } catch {
        callback(thrown());
      }
    });
  };

function appendResponse(outcome: Exclude<Outcome, { kind: 'deleted' }>, expected: Expected): AppendResp {
  const response = new streamsPb.AppendResp();
  if (outcome.kind === 'success') {
    const success = new streamsPb.AppendResp.Success();
    if (outcome.revision < 0n) success.setNoStream(new sharedPb.Empty());
    else success.setCurrentRevision(String(outcome.revision));
    if (outcome.position === undefined) success.setNoPosition(new sharedPb.Empty());
    else success.setPosition(positioned(new streamsPb.AppendResp.Position(), outcome.position));
    response.setSuccess(success);
    return response;
  }
  const wrong = new streamsPb.AppendResp.WrongExpectedVersion();
  if (outcome.current < 0n) wrong.setCurrentNoStream(new sharedPb.Empty());
  else wrong.setCurrentRevision(String(outcome.current));
  if (expected === 'any') wrong.setExpectedAny(new sharedPb.Empty());
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new sharedPb.Empty());
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new sharedPb.Empty());
  else wrong.setExpectedRevision(String(expected));
  response.setWrongExpectedVersion(wrong);
  return response;
}

type Positioned = { setCommitPosition: (value: string) => unknown; setPreparePosition: (value: string) => unknown };
function positioned<T extends Positioned>(message: T, position: bigint): T {
  message.setCommitPosition(String(position));
  message.setPreparePosition(String(position));
  return message;
}

/** An append on a batch call of which the last part has not come. */
type Pending = { readonly stream: string; readonly expected: Expected; readonly events: ProposedEvent[] };

/** The shared way: any number of appends on one call, each answered under its own correlation id. */
export const batchAppendCall = (appending: Appending) =>
  function batchAppend(call: BatchCall): void {
    const refusal = batchRefusalIn(appending.mood);
    if (refusal) return fail(call, refusal);
    const { batches } = appending;
    batches.add(call);
    const pending = new Map<string, Pending>();
    const forget = (): void => {
      batches.delete(call);
      pending.clear();
    };
    call.on('data', (request: BatchAppendReq) => batches.has(call) && take(appending, call, pending, request));
    call.on('end', () => call.end());
    call.on('error', forget);
    call.on('close', forget);
    call.on('cancelled', forget);
  };

function take(appending: Appending, call: BatchCall, pending: Map<string, Pending>, request: BatchAppendReq): void {
  const correlation = request.getCorrelationId()?.getString() ?? '';
  const answer = (stream: string, response: BatchAppendResp): void => {
    response.setCorrelationId(request.getCorrelationId());
    response.setStreamIdentifier(identifierOf(stream));
    if (appending.batches.has(call)) call.write(response);
  };
  const begun = begin(appending, pending, request, answer);
  if (begun === undefined) return;
  try {
    begun.events.push(...request.getProposedMessagesList().map(proposedOf));
  } catch (error) {
    // The server answers this and leaves the append pending: its timeout answers once more, which no client expects.
    return answer(begun.stream, batchBadRequest((error as Error).message));
  }
  if (bytesOf(begun.events) > appending.maxAppendBytes) {
    pending.delete(correlation);
    return answer(begun.stream, batchTooLarge(appending.maxAppendBytes));
  }
  if (!request.getIsFinal()) return;
  pending.delete(correlation);
  finish(appending, call, begun, (response) => answer(begun.stream, response));
}

type Answer = (stream: string, response: BatchAppendResp) => void;

function begin({ writeTimeoutMs }: Appending, pending: Map<string, Pending>, request: BatchAppendReq, answer: Answer): Pending | undefined {
  const correlation = request.getCorrelationId()?.getString() ?? '';
  const options = request.getOptions();
  if (!options) return pending.get(correlation);
  const stream = nameOf(options.getStreamIdentifier());
  const deadline = options.getDeadline()?.toDate().getTime();
  if (deadline !== undefined && deadline <= Date.now()) {
    answer(stream, batchTimeout());
    return undefined;
  }
  const begun: Pending = { stream, expected: expectedOf(options, options.getStreamPosition()), events: [] };
  pending.set(correlation, begun);
  const timer = setTimeout(() => {
    if (pending.get(correlation) !== begun) return;
    pending.delete(correlation);
    answer(stream, batchTimeout());
  }, writeTimeoutMs);
  timer.unref();
  return begun;
}

function finish({ ledger, mood }: Appending, call: BatchCall, write: Pending, answer: (response: BatchAppendResp) => void): void {
  const refusal = refusalIn(mood);
  if (refusal) return fail(call, refusal);
  const outcome = ledger.append(write.stream, write.expected, write.events);
  const lost = outcome.kind === 'success' && !outcome.repeat ? lostReply(mood) : undefined;
  if (lost === 'silent') return;
  if (lost === 'broken') return fail(call, unavailable('Connection dropped'));
  if (outcome.kind === 'success') answer(batchSuccess(outcome.revision, outcome.position));
  else if (outcome.kind === 'wrong') answer(batchWrongExpectedVersion(write.expected, outcome.current));
  else answer(batchStreamDeleted(write.stream));
}

export const deleteCall = ({ ledger, mood }: Appending): handleUnaryCall<DeleteReq, DeleteResp> =>
  function softDelete({ request }, callback) {
    const refusal = refusalIn(mood);
    if (refusal) return callback(refusal);
    const options = request.getOptions()!;
    const [stream, expected] = [nameOf(options.getStreamIdentifier()), expectedOf(options, options.getRevision())];
    const outcome = ledger.softDelete(stream, expected);
    if (outcome.kind !== 'success') return callback(deletionFailure(outcome, stream, expected));
    const response = new streamsPb.DeleteResp();
    if (outcome.position !== undefined) response.setPosition(positioned(new streamsPb.DeleteResp.Position(), outcome.position));
    callback(null, response);
  };

export const tombstoneCall = ({ ledger, mood }: Appending): handleUnaryCall<TombstoneReq, TombstoneResp> =>
  function tombstone({ request }, callback) {
    const refusal = refusalIn(mood);
    if (refusal) return callback(refusal);
    const options = request.getOptions()!;
    const [stream, expected] = [nameOf(options.getStreamIdentifier()), expectedOf(options, options.getRevision())];
    const outcome = ledger.tombstone(stream, expected);
    if (outcome.kind !== 'success') return callback(deletionFailure(outcome, stream, expected));
    const response = new streamsPb.TombstoneResp();
    if (outcome.position !== undefined) response.setPosition(positioned(new streamsPb.TombstoneResp.Position(), outcome.position));
    callback(null, response);
  };

const deletionFailure = (outcome: Exclude<Outcome, { kind: 'success' }>, stream: string, expected: Expected): Failure =>
  outcome.kind === 'deleted' ? streamDeleted(stream) : wrongExpectedVersion('Delete', stream, expected, outcome.current);
