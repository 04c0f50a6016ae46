import type { EventStoreDBClient } from '@eventstore/db-client';

type Heard = (...said: unknown[]) => void;
/** A call that streams, with what the client has already hung on it. */
type Call = {
  readonly listeners: (event: string) => readonly Heard[];
  readonly removeAllListeners: (event: string) => unknown;
  readonly on: (event: string, heard: Heard) => unknown;
};
type Make = (grpc: unknown) => Call;
/** Fields of the client that its types protect, looked up anew by each of its calls. */
type Inside = {
  GRPCStreamCreator: (service: unknown, name: string, make: Make, cache?: unknown) => () => Promise<Call>;
  handleError: (grpc: unknown, error: unknown) => Promise<void>;
};

/**
 * The client without two of its ways to end the process, both seen when a cluster changed its leader. An answer on one stream of appends that
 * comes after another stream broke, which rejects and forgets what waits on either, is dropped: its append is sent again. And a call that
 * breaks while the next node is looked for in vain tells nobody a second time: whoever looks for the node is told.
 */
export function enduring(client: EventStoreDBClient): EventStoreDBClient {
  const inside = client as unknown as Inside;
  const { GRPCStreamCreator: streaming, handleError } = inside;
  inside.GRPCStreamCreator = (service, name, make, cache) => streaming(service, name, (grpc) => unharmed(make(grpc)), cache);
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

function attempt(hear: Heard, said: unknown[]): void {
  try {
    hear(...said);
  } catch {
    // Whoever waits for it has a deadline.
  }
}
