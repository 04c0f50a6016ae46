import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Message } from 'google-protobuf';
import type { Expected, ProposedEvent, RecordedEvent } from './ledger.ts';
import { sharedPb, statusPb, streamsPb } from './protocol.ts';

type StreamsPb = typeof streamsPb;
type BatchAppendResp = InstanceType<StreamsPb['BatchAppendResp']>;
type ReadResp = InstanceType<StreamsPb['ReadResp']>;
type Identifier = InstanceType<(typeof sharedPb)['StreamIdentifier']>;
type Uuid = InstanceType<(typeof sharedPb)['UUID']>;
type Proposed = InstanceType<StreamsPb['AppendReq']['ProposedMessage']> | InstanceType<StreamsPb['BatchAppendReq']['ProposedMessage']>;
/** What tells expectations apart, under the two names that the two ways to append have for a revision. */
type Expectation = { hasAny(): boolean; hasNoStream(): boolean; hasStreamExists?(): boolean };

export const nameOf = (identifier: Identifier | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? new Uint8Array()).toString('utf8');

export const identifierOf = (stream: string): Identifier => {
  const identifier = new sharedPb.StreamIdentifier();
  identifier.setStreamName(Uint8Array.from(Buffer.from(stream, 'utf8')));
  return identifier;
};

const uuidOf = (id: string): Uuid => {
  const uuid = new sharedPb.UUID();
  uuid.setString(id);
  return uuid;
};

export function expectedOf(options: Expectation, revision: string): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasStreamExists?.() === true) return 'stream_exists';
  return BigInt(revision);
}

/** @throws Error where the server's own parsing does: an id that is no UUID, no type. */
export function proposedOf(message: Proposed): ProposedEvent {
  const id = message.getId()?.getString() ?? '';
  const type = message.getMetadataMap().get('type') ?? '';
  const plain = id.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(plain)) throw new Error('Guid should contain 32 digits with 4 dashes (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx).');
  if (type === '') throw new Error("eventType (Parameter 'Should not be empty.')");
  return {
    id: plain.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    type,
    contentType: message.getMetadataMap().get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

const TICKS_PER_MS = 10_000n;

export function eventResponse(event: RecordedEvent): ReadResp {
  const recorded = new streamsPb.ReadResp.ReadEvent.RecordedEvent();
  const position = String(event.position);
  recorded.setId(uuidOf(event.id));
  recorded.setStreamIdentifier(identifierOf(event.stream));
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(position);
  recorded.setPreparePosition(position);
  recorded.getMetadataMap().set('type', event.type);
  recorded.getMetadataMap().set('created', String(BigInt(event.created) * TICKS_PER_MS));
  recorded.getMetadataMap().set('content-type', event.contentType);
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  const read = new streamsPb.ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(position);
  const response = new streamsPb.ReadResp();
  response.setEvent(read);
  return response;
}

export function streamNotFoundResponse(stream: string): ReadResp {
  const missing = new streamsPb.ReadResp.StreamNotFound();
  missing.setStreamIdentifier(identifierOf(stream));
  const response = new streamsPb.ReadResp();
  response.setStreamNotFound(missing);
  return response;
}

export function confirmationResponse(subscription: string): ReadResp {
  const confirmation = new streamsPb.ReadResp.SubscriptionConfirmation();
  confirmation.setSubscriptionId(subscription);
  const response = new streamsPb.ReadResp();
  response.setConfirmation(confirmation);
  return response;
}

export function checkpointResponse(position: bigint): ReadResp {
  const checkpoint = new streamsPb.ReadResp.Checkpoint();
  checkpoint.setCommitPosition(String(position));
  checkpoint.setPreparePosition(String(position));
  const response = new streamsPb.ReadResp();
  response.setCheckpoint(checkpoint);
  return response;
}

export function caughtUpResponse(): ReadResp {
  const response = new streamsPb.ReadResp();
  response.setCaughtUp(new streamsPb.ReadResp.CaughtUp());
  return response;
}

/** `revision` -1: nothing is there. */
export function batchSuccess(revision: bigint, position: bigint | undefined): BatchAppendResp {
  const success = new streamsPb.BatchAppendResp.Success();
  if (revision < 0n) success.setNoStream(new empty.Empty());
  else success.setCurrentRevision(String(revision));
  if (position === undefined) success.setNoPosition(new empty.Empty());
  else {
    const at = new sharedPb.AllStreamPosition();
    at.setCommitPosition(String(position));
    at.setPreparePosition(String(position));
    success.setPosition(at);
  }
  const response = new streamsPb.BatchAppendResp();
  response.setSuccess(success);
  return response;
}

/** An error of one append among many on a call that goes on: a status with a message of its own inside. */
function batchError(name: string, detail: Message): BatchAppendResp {
  const packed = new any.Any();
  packed.pack(detail.serializeBinary(), `event_store.client.${name}`);
  const error = new statusPb.Status();
  error.setMessage(name);
  error.setDetails(packed);
  const response = new streamsPb.BatchAppendResp();
  response.setError(error);
  return response;
}

export function batchWrongExpectedVersion(expected: Expected, current: bigint): BatchAppendResp {
  const wrong = new sharedPb.WrongExpectedVersion();
  if (current < 0n) wrong.setCurrentNoStream(new empty.Empty());
  else wrong.setCurrentStreamRevision(String(current));
  if (expected === 'any') wrong.setExpectedAny(new empty.Empty());
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new empty.Empty());
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new empty.Empty());
  else wrong.setExpectedStreamPosition(String(expected));
  return batchError('WrongExpectedVersion', wrong);
}

export function batchStreamDeleted(stream: string): BatchAppendResp {
  const deleted = new sharedPb.StreamDeleted();
  deleted.setStreamIdentifier(identifierOf(stream));
  return batchError('StreamDeleted', deleted);
}

export function batchTooLarge(bytes: number): BatchAppendResp {
  const exceeded = new sharedPb.MaximumAppendSizeExceeded();
  exceeded.setMaxappendsize(bytes);
  return batchError('MaximumAppendSizeExceeded', exceeded);
}

export const batchTimeout = (): BatchAppendResp => batchError('Timeout', new sharedPb.Timeout());

export function batchBadRequest(message: string): BatchAppendResp {
  const bad = new sharedPb.BadRequest();
  bad.setMessage(message);
  return batchError('BadRequest', bad);
}
