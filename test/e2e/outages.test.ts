import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
/** A cut can lose the answer to a claim, which then has to run out: its lease is 30 s. */
const A_LEASE_AND_MORE = 120_000;

describe('while the database cuts every connection now and then', () => {
  test('nothing is lost, nothing is doubled, and the service is ready again by itself', { timeout: 300_000 }, async () => {
    let isOver = false;
    let cuts = 0;
    const cutting = (async () => {
      while (!isOver) {
        await pause(400);
        await tidings.database().cut();
        cuts += 1;
      }
    })();
    /** As a client is told to: again with the same key until there is an answer. */
    const post = async (at: number): Promise<string> => {
      const body = message([{ email: `outage-${String(at)}@example.com` }]);
      return eventually('it was accepted', async () => {
        const answer = await tidings.post('/v1/notifications', body, { 'Idempotency-Key': `outage-${String(at)}` });
        if (answer.status === 202) return answer.body.id as string;
        expect([answer.status, answer.body.code]).toStrictEqual([503, expect.stringMatching(/^(unavailable|overloaded)$/)]);
        expect(answer.headers.get('retry-after')).not.toBeNull();
        return undefined;
      });
    };
    const ids: string[] = [];
    // As long as it takes to be cut off a few times: a quiet machine is done with 60 of them between two cuts.
    for (let at = 0; at < 60 || cuts < 4; at += 4) ids.push(...(await Promise.all([0, 1, 2, 3].map((more) => post(at + more)))));
    isOver = true;
    await cutting;
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect((await tidings.settled(id, A_LEASE_AND_MORE)).map(({ status }) => status)).toStrictEqual(['captured']);
    const captured: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await tidings.get(`/v1/captured?limit=200${cursor && `&cursor=${cursor}`}`);
      captured.push(...body.data.map(({ notificationId }: any) => notificationId as string));
      cursor = body.nextCursor;
    }
    expect(captured.sort()).toStrictEqual([...ids].sort());
    await eventually('it is ready', async () => ((await tidings.get('/health/ready')).status === 200 ? true : undefined));
  });
});
