import type { EventStoreDBClient } from '@eventstore/db-client';

type Heard = (...said: unknown[]) => void;
/** A call that streams, with what the client has already hung on it. */
type Call = {
  readonly listeners: (event: string) => readonly Heard[];
  readonly removeAllListeners: (event: string) => unknown;
  readonly on: (event: string, heard: Heard) => unknown;
};
type Make = (grpc: unknown) => Call;
type Told = (error: unknown, answer: unknown) => void;
/** The call that asks what the server can do; the client makes it without a deadline. */
type Asking = { readonly getSupportedMethods: (empty: unknown, options: { readonly deadline: number }, told: Told) => unknown };
type Action = (grpc: unknown) => Promise<unknown>;
/** Fields of the client that its types protect, looked up anew by each of its calls. */
type Inside = {
  GRPCStreamCreator: (service: unknown, name: string, make: Make, cache?: unknown) => () => Promise<Call>;
  execute: (service: unknown, name: string, action: Action) => PromiseLike<unknown>;
  handleError: (grpc: unknown, error: unknown) => Promise<void>;
};

/** Of gRPC. */
const [DEADLINE_EXCEEDED, UNAVAILABLE] = [4, 14];
/** Milliseconds for the server to say what it can do. */
const ANSWER_MS = 5_000;

/**
 * The client without two of its ways to end the process, both seen when a cluster changed its leader. An answer on one stream of appends that
 * comes after another stream broke, which rejects and forgets what waits on either, is dropped: its append is sent again. And a call that
 * breaks while the next node is looked for in vain tells nobody a second time: whoever looks for the node is told.
 * And without its way to append no more for good: what the server can do is asked once for each connection, and the client would keep a failure
 * as well as an answer, and wait for ever where none comes.
 */
export function enduring(client: EventStoreDBClient): EventStoreDBClient {
  const inside = client as unknown as Inside;
  const { GRPCStreamCreator: streaming, execute, handleError } = inside;
  inside.GRPCStreamCreator = (service, name, make, cache) => {
    const made = (grpc: unknown): Call => unharmed(make(grpc));
    // Only the calls that appends share are kept for the next one.
    return streaming(service, name, cache === undefined ? made : (grpc) => heldOpen(made(grpc)), cache);
  };
  inside.execute = (service, name, action) =>
    name === 'getSupportedMethods' ? asked(() => execute(service, name, inTime(action))) : execute(service, name, action);
  inside.handleError = (grpc, error) => handleError(grpc, error).catch(() => undefined);
  return client;
}

/** What the client does when the call says something may fail, and harms nobody then. */
function unharmed(call: Call): Call {
  for (const event of ['data', 'error']) {
    const heard = call.listeners(event);
    call.removeAllListeners(event);
    for (const hear of heard) call.on(event, (...said) => attempt(hear, said));
  }
  return call;
}

/** Streams of appends, of all clients in the process: the end of any of them rejects what waits on all. */
const openStreams = new Set<Call>();
/** Whether what a stream's end has just rejected may have gone over one that the server has let in. */
export const mayHaveBeenTaken = (): boolean => openStreams.size > 0;

function heldOpen(call: Call): Call {
  let isLetIn = false;
  const close = (): void => void openStreams.delete(call);
  openStreams.add(call);
  call.on('data', () => (isLetIn = true));
  // What it carried is rejected in this turn of the loop, and asks.
  call.on('end', () => setImmediate(close));
  call.on('error', () => (isLetIn ? setImmediate(close) : close()));
  return call;
}

function attempt(hear: Heard, said: unknown[]): void {
  try {
    hear(...said);
  } catch {
    // Whoever waits for it has a deadline.
  }
}

/** In place of the promise that the client keeps: whoever waits for it asks again where there is no answer yet. */
function asked<T>(ask: () => PromiseLike<T>): PromiseLike<T> {
  let answer: Promise<T> | undefined;
  return {
    then: (told, failed) => {
      answer ??= Promise.resolve(ask()).catch((error: unknown) => {
        answer = undefined;
        throw error;
      });
      return answer.then(told, failed);
    },
  };
}

/** With a deadline; a server that lets it pass counts as one that is gone, so that the client connects anew. */
const inTime =
  (action: Action): Action =>
  async (grpc) => {
    const asking = grpc as Asking;
    const deadline = Date.now() + ANSWER_MS;
    const bounded = { getSupportedMethods: (empty: unknown, told: Told) => asking.getSupportedMethods(empty, { deadline }, told) };
    try {
      return await action(bounded);
    } catch (error) {
      const isLate = error instanceof Error && 'code' in error && error.code === DEADLINE_EXCEEDED;
      throw isLate ? Object.assign(error, { code: UNAVAILABLE }) : error;
    }
  };
