import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Appends } from '../../../src/adapters/eventstore/eventstoredb/appends.ts';
import { openEventStoreDb } from '../../../src/adapters/eventstore/eventstoredb/eventStoreDb.ts';
import { StreamNames } from '../../../src/adapters/eventstore/eventstoredb/names.ts';
import { aStream, ids, refusal, someEvents } from '../../contract/eventStore/samples.ts';
import { authority } from '../../support/certificates.ts';
import { type EventStoreDouble } from '../../support/eventstoredb/eventStoreDouble.ts';
import { openedPerTest } from '../../support/eventstoredb/opened.ts';

const { after, aServer, open } = openedPerTest();
const ownIds = (double: EventStoreDouble): readonly string[] =>
  double.events().flatMap(({ stream, id }) => (stream.startsWith('$') ? [] : [id]));

describe('an append by a user whom the server does not let write is told at once', () => {
  const DENIALS = [
    ['the password is wrong', status.UNAUTHENTICATED],
    ['the right is missing', status.PERMISSION_DENIED],
  ] as const;

  test.each(DENIALS)('that nothing was written, where %s, and is taken when that is mended', async (_what, code) => {
    const double = await aServer();
    const failures: string[] = [];
    const store = await open(double.url, {
      append: { deadlineMs: 3_000 },
      observer: { onAppendFailure: (failure) => failures.push(failure.code) },
    });
    const [stream, events] = [aStream(), someEvents(2)];
    double.failCalls(code, Infinity);
    expect(await refusal(store.append(stream, 'absent', events))).toStrictEqual({ kind: 'unavailable', code: 'append_denied' });
    expect([failures.length, ownIds(double)]).toStrictEqual([1, []]);
    double.failCalls(code, 0);
    expect(await store.append(stream, 'absent', events)).toMatchObject({ revision: 1 });
  });

  test.each(DENIALS)('also where %s only since the connection was lost', async (_what, code) => {
    const double = await aServer();
    const store = await open(double.url);
    await store.append(aStream(), 'absent', someEvents(1));
    double.cutConnections();
    // Until the client knows.
    await expect.poll(() => store.head().catch(() => undefined)).toBeDefined();
    double.failCalls(code, Infinity);
    expect(await refusal(store.append(aStream(), 'absent', someEvents(1)))).toStrictEqual({ kind: 'unavailable', code: 'append_denied' });
    expect(ownIds(double)).toHaveLength(1);
  });

  test('where the server says it of one append among many on a call', async () => {
    const store = await open((await aServer()).url);
    await store.append(aStream(), 'absent', someEvents(1));
    const denying = {
      appendToStream: () => Promise.reject(Object.assign(new Error('denied'), { type: 'access-denied', code: undefined })),
    };
    const options = { deadlineMs: 15_000, attemptMs: 5_000, queueBytes: 1_000, atOnce: 1 };
    const appends = new Appends(denying as unknown as EventStoreDBClient, new StreamNames(undefined), options, {});
    expect(await appends.append({ stream: aStream(), at: 'absent', events: someEvents(1) })).toMatchObject({
      error: { kind: 'unavailable', code: 'append_denied' },
    });
  });

  test('where the server has one call for each append', async () => {
    const double = await aServer();
    const store = await open(double.url);
    double.refuseBatchAppend();
    await expect.poll(() => store.head().catch(() => undefined)).toBeDefined();
    double.failCalls(status.UNAUTHENTICATED, Infinity);
    expect(await refusal(store.append(aStream(), 'absent', someEvents(1)))).toStrictEqual({ kind: 'unavailable', code: 'append_denied' });
  });
});

describe('an append that is denied and may have been written before says so', () => {
  test('and its repeat, where that is refused before it could, says so of itself alone', async () => {
    const double = await aServer();
    const store = await open(double.url, { append: { deadlineMs: 300, attemptMs: 1_000 } });
    const [stream, events] = [aStream(), someEvents(1)];
    double.loseReplies(1, 'silent');
    expect(await refusal(store.append(stream, 'absent', events))).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
    double.cutConnections();
    // Until the client knows.
    await expect.poll(() => store.head().catch(() => undefined)).toBeDefined();
    double.failCalls(status.UNAUTHENTICATED, Infinity);
    await expect(store.append(stream, 'absent', events)).rejects.toMatchObject({
      code: 'append_denied',
      message:
        'the event store does not let our user write: this append wrote nothing; what an earlier one with these ids did is not known',
    });
    double.failCalls(status.UNAUTHENTICATED, 0);
    expect(await store.append(stream, 'absent', events)).toMatchObject({ revision: 0 });
    expect(ownIds(double)).toStrictEqual(ids(events));
  });

  test('when its first answer was lost', async () => {
    const double = await aServer();
    const failures: string[] = [];
    const observer = { onAppendFailure: ({ code }: { readonly code: string }) => failures.push(code) };
    const store = await open(double.url, { append: { attemptMs: 1_000 }, observer });
    const [stream, events] = [aStream(), someEvents(1)];
    double.loseReplies(1, 'silent');
    const append = refusal(store.append(stream, 'absent', events));
    await expect.poll(() => ownIds(double).length).toBe(1);
    double.failCalls(status.UNAUTHENTICATED, Infinity);
    expect(await append).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
    expect(failures).toStrictEqual(['deadline', 'access_denied']);
    double.failCalls(status.UNAUTHENTICATED, 0);
    expect(await store.append(stream, 'absent', events)).toMatchObject({ revision: 0 });
    expect(ownIds(double)).toStrictEqual(ids(events));
  });

  test('when the call that it shared had been let in', async () => {
    const double = await aServer();
    const store = await open(double.url);
    await store.append(aStream(), 'absent', someEvents(1));
    double.loseReplies(1, 'silent');
    const written = refusal(store.append(aStream(), 'absent', someEvents(1)));
    await expect.poll(() => ownIds(double).length).toBe(2);
    double.failCalls(status.UNAUTHENTICATED, Infinity);
    const denied = refusal(store.append(aStream(), 'absent', someEvents(1)));
    expect(await written).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
    expect(await denied).toStrictEqual({ kind: 'unavailable', code: 'append_open' });
  });
});

describe('opening', () => {
  test('a server that knows no such user, or another password, is refused without quoting either', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'tidings-denied-'));
    after(() => rmSync(scratch, { recursive: true }));
    const [{ ca, issue }, file] = [authority(), join(scratch, 'ca.pem')];
    writeFileSync(file, ca);
    const double = await aServer({ tls: issue(['localhost']), login: { username: 'tidings', password: 'changeit' } });
    const url = `${double.url}&tlsCAFile=${file}`;
    for (const stranger of [url.replace('changeit', 'hidden'), url.replace('tidings:', 'hidden:'), url.replace('tidings:changeit@', '')]) {
      const error = await openEventStoreDb({ url: stranger }).catch((thrown: unknown) => thrown as Error);
      expect(error).toMatchObject({ kind: 'invalid', code: 'event_store_denied' });
      expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toMatch(/hidden|changeit/);
    }
    expect(await (await open(url)).append(aStream(), 'absent', someEvents(1))).toMatchObject({ revision: 0 });
  });

  test('what is denied while it runs is no fault of whoever reads: it may be tried again', async () => {
    const double = await aServer();
    const store = await open(double.url);
    double.failCalls(status.UNAUTHENTICATED);
    expect(await refusal(store.readStream(aStream()))).toStrictEqual({ kind: 'unavailable', code: 'log_read_denied' });
    expect(await store.readStream(aStream())).toStrictEqual([]);
  });
});
