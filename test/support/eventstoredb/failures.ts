import { Metadata, status } from '@grpc/grpc-js';
import type { Expected } from './ledger.ts';

/** A gRPC status that is not OK, as a call ends with it. `exception` in the metadata is what the client goes by. */
export type Failure = { readonly code: status; readonly details: string; readonly metadata: Metadata };
export type Endpoint = { readonly host: string; readonly port: number };

const failure = (code: status, details: string, fields: Readonly<Record<string, string>> = {}): Failure => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
  return { code, details, metadata };
};

const EXPECTED_NUMBERS = { any: -2n, no_stream: -1n, stream_exists: -4n };
const expectedNumber = (expected: Expected): bigint => (typeof expected === 'bigint' ? expected : EXPECTED_NUMBERS[expected]);

export const unknown = (details: string): Failure => failure(status.UNKNOWN, details);
/** What a handler that throws comes to. */
export const thrown = (): Failure => unknown('Exception was thrown by handler.');
export const unavailable = (details: string): Failure => failure(status.UNAVAILABLE, details);
export const unimplemented = (): Failure => failure(status.UNIMPLEMENTED, 'Service is unimplemented.');
export const unauthenticated = (): Failure => failure(status.UNAUTHENTICATED, 'Unauthenticated');
export const tooSlow = (): Failure =>
  failure(status.ABORTED, 'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.');

export const streamDeleted = (stream: string): Failure =>
  failure(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, { exception: 'stream-deleted', 'stream-name': stream });

export const wrongExpectedVersion = (operation: string, stream: string, expected: Expected, current: bigint): Failure => {
  const [wanted, actual] = [String(expectedNumber(expected)), String(current)];
  const details = `${operation} failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${wanted}, Actual version: ${actual}`;
  const fields = { exception: 'wrong-expected-version', 'stream-name': stream, 'expected-version': wanted, 'actual-version': actual };
  return failure(status.FAILED_PRECONDITION, details, fields);
};

export const maxAppendSizeExceeded = (bytes: number): Failure =>
  failure(status.INVALID_ARGUMENT, `Maximum Append Size of ${bytes} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(bytes),
  });

export const notLeader = ({ host, port }: Endpoint): Failure =>
  failure(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': host,
    'leader-endpoint-port': String(port),
  });
