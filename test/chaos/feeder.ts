import { setTimeout as pause } from 'node:timers/promises';
import { clientOf, NDJSON, ndjson, type Answer, type Client } from '../support/client.ts';
import type { Program } from '../support/program.ts';

/**
 * What may become of a message whose outcome a crash left open. `retry`: asked again, so it may be doubled; `hold`: left `unknown`;
 * `keyed`: asked again under its key, so it is not doubled.
 */
export type Kind = 'retry' | 'hold' | 'keyed';
export const KINDS: readonly Kind[] = ['retry', 'hold', 'keyed'];

/** A notification that was answered with 202. */
export type Accepted = { readonly id: string; readonly kind: Kind; readonly to: readonly string[] };
export type Feeder = {
  readonly accepted: ReadonlyMap<string, Accepted>;
  /** Resolves when everything was accepted, or it was stopped. */
  readonly done: Promise<void>;
  readonly stop: () => Promise<void>;
};

const text = { subject: 'Order {{ number }}', html: '<p>Thank you for {{ number }}.</p>' };

/** Phone numbers of Austria's range for mobiles: one each, and told from any other run's by nothing but the ledger they go to. */
const phoneOf = (at: number): string => `+43664${String(1_000_000 + at)}`;

export type Order = { readonly kind: Kind; readonly at: number; readonly recipients: number };
const recipientsOf = (prefix: string, { kind, at, recipients }: Order): readonly string[] =>
  Array.from({ length: recipients }, (_, nth) =>
    kind === 'keyed' ? phoneOf(at * 100 + nth) : `${prefix}-${kind}-${String(at)}-${String(nth)}@example.com`,
  );

/** Types are declared by `declareTypes`. */
export function requestOf(prefix: string, order: Order): object {
  const { kind, at } = order;
  const to = recipientsOf(prefix, order);
  return {
    type: kind === 'hold' ? 'held' : 'asked_again',
    category: 'transactional',
    recipients: to.map((address) => (kind === 'keyed' ? { phone: address } : { email: address })),
    content: kind === 'keyed' ? { sms: { text: 'Order {{ number }}' } } : text,
    variables: { number: String(at) },
    // Some compete for a reservation, each with nobody.
    ...(at % 4 === 0 && { dedup: { key: `${prefix}-${String(at)}`, window: 'PT1H' } }),
  };
}

export async function declareTypes(client: Client): Promise<void> {
  for (const [type, unknownOutcome] of [
    ['held', 'hold'],
    ['asked_again', 'retry'],
  ] as const) {
    const { status, body } = await client.put(`/v1/types/${type}`, { category: 'transactional', unknownOutcome });
    if (status !== 200 && status !== 201) throw new Error(`the type ${type} was not declared: ${JSON.stringify(body)}`);
  }
}

export const clientFor = (program: Program): Client =>
  clientOf(
    () => program.url,
    () => program.key,
  );

export type FeederOptions = {
  readonly prefix: string;
  /** Whoever answers now, if anybody does. */
  readonly program: () => Program | undefined;
  readonly notifications: number;
  /** Notifications sent together. */
  readonly chunk: number;
  /** Notifications that may have been sent by now. */
  readonly released?: () => number;
  readonly orderOf: (at: number) => Order;
  readonly lanes?: number;
};

const AGAIN_MS = 50;

/** Sends as a client is told to: again with the same key, until there is an answer that is one. */
export function feed({ prefix, program, notifications, chunk, released = () => notifications, orderOf, lanes = 2 }: FeederOptions): Feeder {
  const accepted = new Map<string, Accepted>();
  let stopped = false;
  let next = 0;

  const note = (id: string, order: Order): void => {
    accepted.set(id, { id, kind: order.kind, to: recipientsOf(prefix, order) });
  };
  async function single(client: Client, order: Order): Promise<boolean> {
    const answer = await client.post('/v1/notifications', requestOf(prefix, order), { 'Idempotency-Key': `${prefix}-${String(order.at)}` });
    if (answer.status === 202) note(answer.body.id as string, order);
    return answer.status === 202 || refuseSurprise(answer);
  }
  async function bulk(client: Client, orders: readonly Order[]): Promise<boolean> {
    const key = { 'Idempotency-Key': `${prefix}-bulk-${String(orders[0]?.at)}` };
    const answer = await client.post('/v1/notifications/bulk', ndjson(orders.map((order) => requestOf(prefix, order))), {
      ...NDJSON,
      ...key,
    });
    if (answer.status !== 200) return refuseSurprise(answer);
    const lines = (answer.body as string).split('\n').filter((line) => line.endsWith('}'));
    let all = lines.length === orders.length;
    for (const line of lines) {
      const { index, status, notification } = JSON.parse(line);
      if (status === 202) note(notification.id as string, orders[index as number]!);
      else all = refuseSurprise({ status, body: JSON.parse(line).problem, headers: undefined });
    }
    return all;
  }
  async function send(from: number): Promise<void> {
    const orders = Array.from({ length: Math.min(chunk, notifications - from) }, (_, nth) => orderOf(from + nth));
    for (let done = false; !done && !stopped;) {
      const answers = program();
      const client = answers && clientFor(answers);
      const sent = client && ((from / chunk) % 3 === 0 ? Promise.all(orders.map((order) => single(client, order))) : bulk(client, orders));
      done = await Promise.resolve(sent ?? false).then(
        (it) => (Array.isArray(it) ? it.every(Boolean) : it),
        (error: unknown) => {
          if (error instanceof Surprise) throw error;
          return false;
        },
      );
      if (!done) await pause(AGAIN_MS);
    }
  }
  async function lane(): Promise<void> {
    while (next < notifications && !stopped) {
      const from = next;
      next += chunk;
      while (released() <= from && !stopped) await pause(AGAIN_MS);
      await send(from);
    }
  }
  const done = Promise.all(Array.from({ length: lanes }, lane)).then(() => undefined);
  done.catch(() => undefined);
  return {
    accepted,
    done,
    stop: () => {
      stopped = true;
      return done;
    },
  };
}

/** An answer that no fault explains. */
class Surprise extends Error {}
function refuseSurprise({ status, body, headers }: Pick<Answer, 'status' | 'body'> & { readonly headers: Headers | undefined }): false {
  // What a client is to do about it is told: the code says that it may try again, and one for all of a request when.
  const isTold = /^(?:unavailable|overloaded|contended)$/.test(String(body?.code)) && headers?.get('retry-after') !== null;
  if ((status !== 503 && status !== 409) || !isTold) throw new Surprise(`answered ${String(status)}: ${JSON.stringify(body)}`);
  return false;
}
