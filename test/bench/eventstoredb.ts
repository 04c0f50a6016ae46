import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { EventStoreDBClient, FORWARDS, jsonEvent, NO_STREAM, START, streamNameFilter, type ReadPosition } from '@eventstore/db-client';
import { openEventStoreDb } from '../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import type { StreamName } from '../../src/domain/values/ids.ts';
import { eventually } from '../support/client.ts';
import { LOG_IN_DATABASE, logAt } from '../support/eventStoreEnv.ts';
import { startDoubleProcess } from '../support/eventstoredb/doubleProcess.ts';
import { eventStoreServer } from '../support/eventStoreServer.ts';
import { inScratch } from '../support/scratch.ts';
import { startService } from './caller.ts';
import { addressOf } from './mail.ts';
import { byCallers, compete, introduce, must, optionsOf, say, timed, type Turn } from './rounds.ts';
import { startMailCounter } from './mailCounter.ts';

/**
 * The adapter of EventStoreDB ÷ its client alone, against the same server: appends by many callers, each of one event of about 1 kB to a
 * stream of its own; the whole log in pages of one size, and in one go, and by a subscription from the beginning until it has caught up. Then single notifications
 * through the program with its log there ÷ with its log in Postgres.
 */
const { appends, rounds, callers, notifications } = optionsOf({ appends: 10_000, rounds: 3, callers: 64, notifications: 1_000 });
/** None that the service reads. */
const NOUN = 'bench';
const TYPE = 'NotificationRequested';
/** Events of a page. */
const PAGE = 500;
const body = (): { readonly at: string; readonly text: string } => ({ at: new Date().toISOString(), text: 'x'.repeat(920) });
const metadata = { tenantId: 'acme', commandId: randomUUID(), correlationId: randomUUID(), causationId: randomUUID(), schemaVersion: 1 };

introduce('eventstoredb', `${String(appends)} appends a turn, ${String(callers)} callers`);
const found = await eventStoreServer();
if (!found.real) await found.close();
const server = found.real ? found : { name: 'its double, in a process of its own', ...(await startDoubleProcess()) };
say(`  ${server.name}`);

const own = await openEventStoreDb({ url: server.url });
const client = EventStoreDBClient.connectionString(server.url);
const streamOf = (round: number, who: string, index: number): StreamName =>
  `${NOUN}-acme_${who}-${String(round)}-${String(index)}-${randomUUID()}` as StreamName;
const before = await own.head();

await compete({
  bench: 'eventstoredb',
  unit: 'appends/s',
  rounds,
  ours: {
    name: 'appends by the adapter',
    turn: (round) =>
      timed(appends, () =>
        byCallers(callers, appends, (index) =>
          own.append(streamOf(round, 'own', index), 'absent', [
            { id: randomUUID(), type: TYPE, data: JSON.stringify(body()), metadata: JSON.stringify(metadata) },
          ]),
        ),
      ),
  },
  rivals: [
    {
      name: 'appends by the client',
      goal: 0.8,
      turn: (round) =>
        timed(appends, () =>
          byCallers(callers, appends, (index) =>
            client.appendToStream(streamOf(round, 'client', index), jsonEvent({ id: randomUUID(), type: TYPE, data: body(), metadata }), {
              expectedRevision: NO_STREAM,
            }),
          ),
        ),
    },
  ],
});

const written = 2 * (rounds + 1) * appends;
const pagesOf = async (): Promise<void> => {
  let [after, count, isOver] = [before, 0, false];
  while (!isOver) {
    const page = await own.readAll(after, {}, PAGE);
    count += page.events.length;
    [after, isOver] = [page.upTo, page.caughtUp];
  }
  must(count >= written, `the adapter's pages hold all events: ${String(count)}`);
};
/** As a caller would that reads no more at a time than it can hold; the event at a position is part of what is read from there. */
const pagesByClient = async (): Promise<void> => {
  let from: ReadPosition = START;
  let [count, seen] = [0, PAGE + 1];
  while (seen > PAGE) {
    const after: ReadPosition = from;
    seen = 0;
    for await (const { event } of client.readAll({ fromPosition: after, direction: FORWARDS, maxCount: PAGE + 1 })) {
      seen += 1;
      if (event?.position === undefined || (after !== START && event.position.commit === after.commit)) continue;
      from = event.position;
      if (event.streamId.startsWith(NOUN)) count += 1;
    }
  }
  must(count >= written, `the client's pages hold all events: ${String(count)}`);
};
const readByClient = async (): Promise<void> => {
  let count = 0;
  for await (const { event } of client.readAll({ fromPosition: START, direction: FORWARDS }))
    if (event?.streamId.startsWith(NOUN)) count += 1;
  must(count >= written, `the client reads all events: ${String(count)}`);
};
await compete({
  bench: 'eventstoredb',
  unit: 'events/s',
  rounds,
  ours: { name: 'the log in pages by the adapter', turn: () => timed(written, pagesOf) },
  rivals: [
    { name: 'the log in pages by the client', goal: 0.8, turn: () => timed(written, pagesByClient) },
    { name: 'the log read by the client in one go', goal: 0.8, turn: () => timed(written, readByClient) },
  ],
});

const subscribed = async (): Promise<void> => {
  let count = 0;
  const over = new AbortController();
  for await (const { events, caughtUp } of own.subscribe(before, { nouns: [NOUN] }, over.signal)) {
    count += events.length;
    if (caughtUp && count >= written) over.abort();
  }
  must(count >= written, `the adapter's subscription brings all events: ${String(count)}`);
};
const subscribedByClient = async (): Promise<void> => {
  let count = 0;
  const subscription = client.subscribeToAll({ fromPosition: START, filter: streamNameFilter({ prefixes: [`${NOUN}-`] }) });
  for await (const { event } of subscription) if (event && (count += 1) >= written) break;
  must(count >= written, `the client's subscription brings all events: ${String(count)}`);
};
await compete({
  bench: 'eventstoredb',
  unit: 'events/s',
  rounds,
  ours: { name: 'a subscription of the adapter', turn: () => timed(written, subscribed) },
  rivals: [{ name: 'a subscription of the client', goal: 0.8, turn: () => timed(written, subscribedByClient) }],
});
await own.close();
await client.dispose();

await inScratch('bench', async (scratch) => {
  const counter = await startMailCounter();
  const there = await startService(join(scratch, 'there'), counter, false, logAt(server.url));
  const here = await startService(join(scratch, 'here'), counter, false, LOG_IN_DATABASE);
  const whole =
    (service: typeof here, offset: number) =>
    async (round: number): Promise<Turn> => {
      const [mails, cpuBefore, began] = [counter.mails(), service.cpuMs(), performance.now()];
      await byCallers(callers, notifications, (index) => service.notify(addressOf(round + offset, index), index));
      await eventually('all mails have arrived', () => (counter.mails() - mails >= notifications ? true : undefined), {
        deadlineMs: 60_000 + notifications * 50,
        seen: counter.mails,
      });
      return { count: notifications, ms: performance.now() - began, cpuMs: service.cpuMs() - cpuBefore };
    };
  await compete({
    bench: 'eventstoredb',
    unit: 'messages/s',
    rounds,
    ours: { name: 'single POSTs to delivered, the log in EventStoreDB', turn: whole(there, 0) },
    rivals: [{ name: 'the log in Postgres', turn: whole(here, 1_000) }],
  });
  await there.stop();
  await here.stop();
  await counter.close();
});
await server.close();
process.exit(0);
