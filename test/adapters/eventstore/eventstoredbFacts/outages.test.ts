import { setTimeout as pause } from 'node:timers/promises';
import { EventStoreDBClient, type AllStreamSubscription } from '@eventstore/db-client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { eventually } from '../../../support/client.ts';
import { eventStoreOfItsOwn } from '../../../support/eventStoreServer.ts';
import { all, atServer, event, events, failureOf, idsIn, newStream, once, some, type Told } from './ground.ts';

describe('an EventStoreDB that goes away', () => {
  const { server, client } = atServer(eventStoreOfItsOwn);
  const clients: EventStoreDBClient[] = [];
  const newClient = (options = ''): EventStoreDBClient => {
    const made = EventStoreDBClient.connectionString(`${server().url}${options}`);
    clients.push(made);
    return made;
  };
  const stop = (): Promise<void> => server().process!.stop();
  const start = (): Promise<void> => server().process!.start();
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((each) => each.dispose()));
  });

  test('rejects appends with a plain error and reads with its own; the same client connects again by itself', async () => {
    const [stream, mine] = [newStream(), newClient()];
    await mine.appendToStream(stream, event());
    await stop();
    // The first may still belong to the call that broke.
    await failureOf(mine.appendToStream(stream, event()));
    const refused = await failureOf(mine.appendToStream(stream, event()));
    const unread = await failureOf(all(mine.readStream(stream)));
    await start();
    expect(some(refused, 'name', 'type', 'code')).toStrictEqual({ name: 'Error', type: undefined, code: 14 });
    expect(some(unread, 'type', 'code')).toStrictEqual({ type: 'unavailable', code: 14 });
    const sent = event();
    await eventually('it is back', () => mine.appendToStream(stream, sent, { expectedRevision: 0n }).catch(() => undefined));
    expect((await idsIn(mine, stream)).at(-1)).toBe(sent.id);
  });

  test('fails a subscription, which neither ends nor closes nor comes back', async () => {
    const stream = newStream();
    const subscription: AllStreamSubscription = newClient().subscribeToAll({ fromPosition: 'end' });
    const said: string[] = [];
    for (const name of ['end', 'close', 'data']) subscription.on(name, () => void said.push(name));
    const told = once(subscription, 'error');
    await once(subscription, 'caughtUp');
    await stop();
    const failure = (await told) as Told;
    await start();
    await eventually('it is back', () =>
      client()
        .appendToStream(stream, event(), { expectedRevision: 'no_stream' })
        .catch(() => undefined),
    );
    await pause(300);
    expect(some(failure, 'type', 'code')).toStrictEqual({ type: 'unavailable', code: 14 });
    expect(said).toStrictEqual([]);
  });

  test('that answers nothing leaves an append without an end until the connection is given up, whatever its deadline', async () => {
    const stream = newStream();
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const impatient = newClient('&keepAliveInterval=1500&keepAliveTimeout=1500');
    await impatient.appendToStream(stream, event());
    server().process!.freeze();
    const append = failureOf(impatient.appendToStream(stream, event(), { deadline: 200 }));
    const waited = await Promise.race([append, pause(1_000, 'nothing yet')]);
    const failure = await append;
    server().process!.thaw();
    expect(waited).toBe('nothing yet');
    expect(failure['code']).toBe(14);
  });

  test('that dies under 32 appenders has all that it acknowledged, where it said, and of the rest whole writes', async () => {
    const streams = Array.from({ length: 32 }, newStream);
    const acknowledged = new Map<string, { readonly stream: string; readonly revision: bigint }>();
    let running = true;
    const appender = async (stream: string): Promise<void> => {
      const mine = newClient();
      while (running) {
        const sent = events(3);
        const result = await mine.appendToStream(stream, sent).catch(() => undefined);
        if (result === undefined) return;
        acknowledged.set(sent[2]!.id, { stream, revision: result.nextExpectedRevision });
      }
    };
    const appending = streams.map(appender);
    await eventually('they are at it', () => (acknowledged.size > 200 ? true : undefined));
    await stop();
    running = false;
    await Promise.all(appending);
    await start();
    await eventually('it is back', () =>
      client()
        .appendToStream(newStream(), event())
        .catch(() => undefined),
    );
    const found = new Map(await Promise.all(streams.map(async (stream) => [stream, await idsIn(client(), stream)] as const)));
    expect([...found.values()].filter((ids) => ids.length % 3 !== 0)).toStrictEqual([]);
    expect([...acknowledged].filter(([id, { stream, revision }]) => found.get(stream)?.[Number(revision)] !== id)).toStrictEqual([]);
  });
});
