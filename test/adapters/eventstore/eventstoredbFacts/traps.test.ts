import { spawn } from 'node:child_process';
import { EventStoreDBClient } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { eventStoreUrl } from '../../../support/eventStoreServer.ts';
import { openGate } from '../../../support/eventstoredb/gate.ts';
import { testWith } from '../../../support/needs.ts';
import { addressOf, atServer, event, failureOf, newStream, some } from './ground.ts';

const ROOT = new URL('../../../../', import.meta.url).pathname;

/** How a program ended that the client may have ended. */
type Ended = { readonly code: number | null; readonly said: readonly string[]; readonly complaint: string };

/** Runs a piece of a program with a client in it, in a process of its own: what the client does there cannot be caught. */
function program(url: string, body: string): Promise<Ended> {
  const source = `
    import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
    const client = EventStoreDBClient.connectionString(process.env.URL);
    const say = (...words) => console.log(words.map(String).join(' '));
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { cwd: ROOT, env: { ...process.env, URL: url } });
  let [out, complaint] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, complaint, said: out.split('\n').filter((line) => line !== '') }));
  });
}

/** A proxy has to get between, which it cannot where there is TLS or a cluster. */
const near = {
  what: 'an event store without TLS',
  found: /^(?!esdb\+discover|.*,)(?=.*tls=false)|^$/.test(eventStoreUrl() ?? ''),
  how: 'leave EVENT_STORE_URL away',
};

describe('the traps of the client', () => {
  const { server, client } = atServer();

  test.concurrent.each([
    ['an id that is no UUID', `{ id: 'no-uuid', type: 'T', data: {} }`],
    ['an empty type', `{ type: '', data: {} }`],
  ])('%s: an unknown error, and seconds later an error that nobody can catch ends the process', async (_what, bad) => {
    const { code, said, complaint } = await program(
      server().url,
      `await client.appendToStream('${newStream()}', jsonEvent(${bad})).catch(({ type }) => say(type));
       await pause(20_000);
       say('still there');
       process.exit(0);`,
    );
    expect({ code, said }).toStrictEqual({ code: 1, said: ['unknown'] });
    expect(complaint).toMatch(/TypeError.*not iterable/);
  });

  test.concurrent.each([
    ['a bigint', `({ n: 1n })`],
    ['a cycle', `(() => { const a = {}; a.a = a; return a; })()`],
    ['undefined', `undefined`],
  ])('data with %s: the promise never settles', async (_what, data) => {
    const { code, said } = await program(
      server().url,
      `const unhandled = new Promise((resolve) => process.on('unhandledRejection', resolve)).then(() => say('unhandled'));
       const settled = () => say('settled');
       client.appendToStream('${newStream()}', { id: '${event().id}', type: 'T', contentType: 'application/json', data: ${data} }).then(settled, settled);
       await unhandled;
       await pause(1_000);
       process.exit(0);`,
    );
    expect({ code, said }).toStrictEqual({ code: 0, said: ['unhandled'] });
  });

  testWith(near, 'one append that cannot be serialised rejects every one that waits, although all of them are written', async () => {
    const [stream, waiting] = [newStream(), 50];
    // Far enough away for all of them to have been sent, and none answered.
    const { host, port } = addressOf(server().url);
    const far = await openGate(port, host);
    far.delay(1_500);
    const { code, said } = await program(
      `esdb://127.0.0.1:${far.port}?tls=false`,
      `await client.appendToStream('${stream}', jsonEvent({ type: 'T', data: {} }));
       const counts = { fulfilled: 0, rejected: 0 };
       const all = Array.from({ length: ${waiting} }, () => client.appendToStream('${stream}', jsonEvent({ type: 'T', data: {} })));
       await pause(300);
       all.push(client.appendToStream('${stream}', jsonEvent({ type: 'T', data: {} }), { expectedRevision: -5n }));
       for (const { status } of await Promise.allSettled(all)) counts[status] += 1;
       await pause(1_000);
       let written = -1;
       for await (const each of client.readStream('${stream}')) written += each.event ? 1 : 0;
       say(JSON.stringify(counts), written);
       process.exit(0);`,
    );
    await far.shut();
    expect({ code, said }).toStrictEqual({ code: 0, said: [`{"fulfilled":0,"rejected":${waiting + 1}} ${waiting}`] });
  });

  test('it rejects those of other clients in the same process too', async () => {
    const { code, said } = await program(
      server().url,
      `process.on('uncaughtException', ({ name }) => say(name));
       const other = EventStoreDBClient.connectionString(process.env.URL);
       const one = (who, how = {}) => who.appendToStream('${newStream()}', jsonEvent({ type: 'T', data: {} }), how);
       await Promise.all([one(client), one(other)]);
       const all = [...Array.from({ length: 20 }, () => one(other)), one(client, { expectedRevision: -5n })];
       say((await Promise.allSettled(all)).filter(({ status }) => status === 'rejected').length);
       process.exit(0);`,
    );
    expect({ code, said: said.at(-1) }).toStrictEqual({ code: 0, said: '21' });
  });

  test('a client that has met an error goes on', async () => {
    const own = EventStoreDBClient.connectionString(server().url);
    const stream = newStream();
    expect(some(await failureOf(own.appendToStream(stream, event(), { expectedRevision: -5n })), 'code')).toStrictEqual({ code: 13 });
    await own.appendToStream(stream, event());
    await own.dispose();
    expect((await client().appendToStream(stream, event(), { expectedRevision: 0n })).nextExpectedRevision).toBe(1n);
  });
});
