import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { status } from '@grpc/grpc-js';
import { appendCall, batchAppendCall, deleteCall, fail, tombstoneCall, type Appending, type BatchCall } from './appending.ts';
import { asking, featuresCall, gossipCall, type Login } from './discovery.ts';
import { tooSlow, unavailable, type Endpoint } from './failures.ts';
import { openGate, type Gate } from './gate.ts';
import { createLedger, type Ledger, type RecordedEvent } from './ledger.ts';
import { goodMood, refusalIn, type LostReply } from './mood.ts';
import { GossipService, ServerFeaturesService, StreamsService } from './protocol.ts';
import { readOnce, type ReadCall } from './reading.ts';
import { subscribe, type OpenSubscription, type Subscribing } from './subscribing.ts';

/*
 * EventStoreDB on the wire, without EventStoreDB: a gRPC server over the definitions inside the client package, for machines that have no
 * server. What it does was observed on a real one (test/adapters/eventstore/eventstoredb*.test.ts run against both), and what no test
 * observed it leaves out: users, ACLs, persistent subscriptions, projections, links, scavenges.
 *
 *   gate.ts         the port: freezes, cuts, closes, delays bytes
 *   ledger.ts       the log: judges appends, repeats, deletions
 *   appending.ts, reading.ts, subscribing.ts   the calls
 *   discovery.ts    what a client asks before: features, gossip, who it is
 *   mood.ts         what it was told to do wrong
 */

export type DoubleOptions = {
  /** What it says it is; servers before 23.10 never say that a subscription has caught up. 23.10.6 unless told. */
  readonly version?: string;
  /** Most bytes of event data in one append; 1,048,576 unless told, as on a server. */
  readonly maxAppendBytes?: number;
  /** After how many ms an append that was begun and not finished is given up; 2,000 unless told, as on a server. */
  readonly writeTimeoutMs?: number;
  /** Events that may wait for a subscriber that takes none; then it is cut as too slow. 500 unless told. */
  readonly liveBuffer?: number;
  /** PEM of a certificate for localhost: it then speaks TLS and nothing else. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Who alone may read and write; only over TLS, as clients send it nowhere else. */
  readonly login?: Login;
};

export type EventStoreDouble = {
  /** `esdb://127.0.0.1:<port>?tls=false`; with TLS and a login `esdb://<user>:<password>@localhost:<port>?tls=true`, to which `&tlsCAFile=` is added. */
  readonly url: string;
  readonly endpoint: Endpoint;
  /** Everything it holds, in order: system events too. */
  readonly events: () => readonly RecordedEvent[];
  /** Subscriptions and connections that are open now. */
  readonly subscriptions: () => number;
  readonly connections: () => number;
  /** Commits the next so many appends and never says so: the call breaks, or (`silent`) stays without an answer. A repeat is answered. */
  readonly loseReplies: (count: number, how?: LostReply) => void;
  /** Answers nothing at all, not even pings; connections stay. What was sent meanwhile is done after `thaw`. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Refers the next calls (appends; reads and subscriptions that ask for the leader) to another, and gossips of it; without end for `Infinity`. */
  readonly referToLeader: (leader: Endpoint, calls?: number) => void;
  /** Fails the next calls (appends; reads and subscriptions that ask for the leader) so, and does nothing of what they ask; without end for `Infinity`. */
  readonly failCalls: (code: status, calls?: number) => void;
  /** What a client asks first comes to this, the next so many times; `silent`: there is no answer. Cuts connections, as clients remember it. */
  readonly failFeatures: (how: status | 'silent', times?: number) => void;
  /** Ends all subscriptions, as a server does that goes away (`UNAVAILABLE`). */
  readonly cutSubscriptions: () => void;
  /** Cuts all subscriptions as a server cuts a consumer that does not follow ("Consumer too slow", `ABORTED`). */
  readonly cutAsTooSlow: () => void;
  /** Those subscriptions that are open deliver nothing more, without an end or an error; later ones are well. */
  readonly stallSubscriptions: () => void;
  /** Every answer takes this many ms longer; 0: no more. */
  readonly delay: (ms: number) => void;
  /** Breaks the calls that appends share; what had arrived is written. `UNAVAILABLE` unless told. */
  readonly breakBatches: (code?: status) => void;
  /** Knows no BatchAppend (or again): the client falls back to one call an append. Cuts connections, as clients remember what they asked. */
  readonly refuseBatchAppend: (refuse?: boolean) => void;
  /** Resets all connections; new ones are taken at once. */
  readonly cutConnections: () => void;
  /** Goes away as a process that ends, and comes back on the same port with what it held. */
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** Comes back as from an older backup, without its last records: the head goes back and positions are given again. */
  readonly loseEnd: (records: number) => void;
  readonly close: () => Promise<void>;
};

type State = Appending & Subscribing;

/** What a server takes in one message. */
const MAX_MESSAGE_BYTES = 17 * 1_024 * 1_024;

/** Starts one on a free port of 127.0.0.1. It is empty but for the system events that every server begins with. */
export async function startEventStoreDouble(options: DoubleOptions = {}): Promise<EventStoreDouble> {
  const mood = goodMood(options.version ?? '23.10.6');
  const ledger = createLedger();
  writeBeginnings(ledger);
  const state: State = {
    mood,
    ledger,
    batches: new Set<BatchCall>(),
    subscriptions: new Set<OpenSubscription>(),
    maxAppendBytes: options.maxAppendBytes ?? 1_048_576,
    writeTimeoutMs: options.writeTimeoutMs ?? 2_000,
    liveBuffer: options.liveBuffer ?? 500,
  };
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': -1,
    interceptors: options.login === undefined ? [] : [asking(options.login)],
  });
  // Gossip tells the door's port, which is not known before the server behind it has one.
  const door: { gate?: Gate } = {};
  addServices(server, state, () => endpointOf(door.gate));
  const gate = await openGate(await bound(server, options));
  door.gate = gate;
  return controlsOf(state, gate, urlOf(gate, options), async () => {
    await gate.shut();
    server.forceShutdown();
  });
}

const bound = (server: Server, { tls }: DoubleOptions): Promise<number> =>
  new Promise((resolve, reject) => {
    const pairs = tls && [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }];
    const credentials = pairs === undefined ? ServerCredentials.createInsecure() : ServerCredentials.createSsl(null, pairs);
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });

const endpointOf = (gate: Gate | undefined): Endpoint => ({ host: '127.0.0.1', port: gate?.port ?? 0 });

function addServices(server: Server, state: State, self: () => Endpoint): void {
  server.addService(StreamsService, {
    append: appendCall(state),
    batchAppend: batchAppendCall(state),
    delete: deleteCall(state),
    tombstone: tombstoneCall(state),
    read: (call: ReadCall) => {
      // One that does not ask for the leader is answered by whoever is asked.
      const refusal = call.metadata.get('requires-leader')[0] === 'true' ? refusalIn(state.mood) : undefined;
      const asked = call.request.getOptions();
      if (refusal) return fail(call, refusal);
      if (asked === undefined) return call.end();
      void (asked.hasSubscription() ? subscribe(state, call, asked) : readOnce(state.ledger, call, asked));
    },
  });
  server.addService(ServerFeaturesService, { getSupportedMethods: featuresCall(state.mood) });
  server.addService(GossipService, { read: gossipCall(self, state.mood) });
}

/** A server that was never written to holds users and settings already. */
function writeBeginnings(ledger: Ledger): void {
  const event = (type: string, data: object) => ({
    id: crypto.randomUUID(),
    type,
    contentType: 'application/json',
    data: Buffer.from(JSON.stringify(data)),
    metadata: new Uint8Array(),
  });
  ledger.append('$$$stats-127.0.0.1:2113', 'any', [event('$metadata', { $maxAge: 86_400 })]);
  ledger.append('$user-admin', 'any', [event('$UserCreated', { loginName: 'admin' })]);
}

const urlOf = ({ port }: Gate, { tls, login }: DoubleOptions): string =>
  `esdb://${login === undefined ? '' : `${login.username}:${login.password}@`}${tls === undefined ? '127.0.0.1' : 'localhost'}:${port}?tls=${tls !== undefined}`;

function controlsOf(state: State, gate: Gate, url: string, close: () => Promise<void>): EventStoreDouble {
  const { mood, ledger, subscriptions } = state;
  const endAll = (failure: ReturnType<typeof unavailable>): void => [...subscriptions].forEach(({ end }) => end(failure));
  return {
    url,
    endpoint: endpointOf(gate),
    events: () => ledger.all,
    subscriptions: () => subscriptions.size,
    connections: gate.connections,
    loseReplies: (count, how = 'broken') => Object.assign(mood, { repliesToLose: count, howLost: how }),
    freeze: gate.freeze,
    thaw: gate.thaw,
    referToLeader: (leader, calls = 1) => Object.assign(mood, { leader, callsForLeader: calls }),
    failCalls: (code, calls = 1) => Object.assign(mood, { failure: { ...unavailable('Failed'), code }, callsToFail: calls }),
    failFeatures: (how, times = 1) => {
      const noFeatures = how === 'silent' ? how : { ...unavailable('Failed'), code: how };
      Object.assign(mood, { noFeatures, questionsToFail: times });
      gate.cut();
    },
    cutSubscriptions: () => endAll(unavailable('Connection dropped')),
    cutAsTooSlow: () => endAll(tooSlow()),
    stallSubscriptions: () => [...subscriptions].forEach(({ stall }) => stall()),
    delay: gate.delay,
    breakBatches: (code) =>
      [...state.batches].forEach((call) =>
        fail(call, code === undefined ? unavailable('Connection dropped') : { ...unavailable('Broken'), code }),
      ),
    refuseBatchAppend: (refuse = true) => {
      mood.batchAppend = !refuse;
      gate.cut();
    },
    cutConnections: gate.cut,
    stop: gate.shut,
    start: gate.open,
    loseEnd: (records) => {
      gate.cut();
      ledger.loseEnd(records);
    },
    close,
  };
}
