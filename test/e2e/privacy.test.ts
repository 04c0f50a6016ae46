import { describe, expect, test } from 'vitest';
import { eventually, NDJSON, ndjson } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite({ env: { LOG_LEVEL: 'trace' } });

/** Words that stand nowhere else: where one turns up in clear, something leaked. */
const CANARY = {
  recipientId: 'canaryrecipient',
  email: 'canarymail',
  phone: '+436769998877',
  name: 'Canaryname',
  variable: 'canaryvariable',
  content: 'canarycontent',
  metadata: 'canarymetadata',
  idempotencyKey: 'canaryidempotency',
  dedupKey: 'canarydedup',
  key: 'canarykey',
  tag: 'canarytag',
  attribute: 'canaryattribute',
  file: 'canaryfile',
  batch: 'canarybatch',
};

/** Every row of every table of the database as text. */
async function everything(): Promise<readonly { readonly table: string; readonly text: string }[]> {
  const { ownerPool } = tidings.database();
  const { rows } = await ownerPool.query<{ table: string }>(
    `select format('%I.%I', schemaname, tablename) as table from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const found: { table: string; text: string }[] = [];
  for (const { table } of rows) {
    const content = await ownerPool.query<{ text: string }>(`select t::text as text from ${table} t`);
    found.push(...content.rows.map(({ text }) => ({ table, text })));
  }
  return found;
}

/** As text, and as the bytes that `bytea` shows in hex. */
const holds = (text: string, canary: string): boolean =>
  text.toLowerCase().includes(canary.toLowerCase()) || text.includes(Buffer.from(canary).toString('hex'));

describe('what a person is and is told', () => {
  test('stands in no table, no line of the log and no metric in clear', async () => {
    await tidings.put(`/v1/recipients/${CANARY.recipientId}-1`, {
      email: `${CANARY.email}-1@example.com`,
      phone: CANARY.phone,
      name: CANARY.name,
      tags: [CANARY.tag],
      attributes: { pet: CANARY.attribute },
    });
    const body = message(
      [
        `${CANARY.recipientId}-1`,
        {
          recipientId: `${CANARY.recipientId}-2`,
          email: `${CANARY.email}-2@example.com`,
          name: CANARY.name,
          variables: { own: CANARY.variable },
        },
        { email: 'bounce@simulator.tidings', name: CANARY.name },
        { email: `not an address ${CANARY.email}` },
      ],
      {
        key: CANARY.key,
        dedup: { key: CANARY.dedupKey, window: 'PT1H' },
        content: {
          email: { subject: CANARY.content, html: `<p>${CANARY.content} {{ own }} {{ name }}</p>` },
          sms: { text: CANARY.content },
        },
        variables: { name: CANARY.name, own: CANARY.variable },
        context: { metadata: { note: CANARY.metadata } },
        attachments: [{ filename: `${CANARY.file}.txt`, contentType: 'text/plain', content: Buffer.from(CANARY.file).toString('base64') }],
      },
    );
    const { id } = await tidings.send(body, { 'Idempotency-Key': CANARY.idempotencyKey });
    await tidings.send(body, { 'Idempotency-Key': CANARY.idempotencyKey });
    await tidings.settled(id);
    const scheduled = await tidings.send(
      message([{ email: `${CANARY.email}-3@example.com` }], { schedule: { at: '2099-01-01T00:00:00Z' }, key: `${CANARY.key}-2` }),
    );
    await tidings.post(`/v1/notifications/${scheduled.id}/cancel`, { reason: CANARY.metadata });
    await tidings.post('/v1/notifications/cancel', { key: `${CANARY.key}-2`, recipientIds: [`${CANARY.recipientId}-1`] });
    const batch = await tidings.post(
      '/v1/batches',
      ndjson([
        { type: 't', category: 'transactional', content: { subject: CANARY.content, text: '{{ x }}' }, variables: { x: CANARY.batch } },
        { recipientId: `${CANARY.recipientId}-4`, email: `${CANARY.email}-4@example.com`, variables: { x: CANARY.batch } },
        { email: CANARY.email },
      ]),
      { ...NDJSON, 'Idempotency-Key': `${CANARY.idempotencyKey}-2` },
    );
    await eventually('the batch has gone', async () => {
      const { body: shown } = await tidings.get(`/v1/batches/${String(batch.body.id)}`);
      return shown.counts?.captured === 1 ? true : undefined;
    });
    await tidings.get(`/v1/recipients?email=${CANARY.email}-1@example.com`);
    await tidings.get(`/v1/explain?email=${CANARY.email}-2@example.com`);
    await tidings.get(`/v1/captured?to=${CANARY.email}-1@example.com`);
    await tidings.as('x'.repeat(40)).get(`/v1/recipients/${CANARY.recipientId}-1`);
    const read = await tidings.get(`/v1/recipients/${CANARY.recipientId}-1`);
    expect(read.body.name).toBe(CANARY.name);

    const rows = await everything();
    expect(rows.length).toBeGreaterThan(20);
    const metrics = (await tidings.get('/metrics')).body as string;
    const leaks = Object.entries(CANARY).flatMap(([what, canary]) => [
      ...rows.filter(({ text }) => holds(text, canary)).map(({ table, text }) => `${what} in ${table}: ${text.slice(0, 300)}`),
      ...(holds(JSON.stringify(tidings.log()), canary) ? [`${what} in the log`] : []),
      ...(holds(metrics, canary) ? [`${what} in the metrics`] : []),
    ]);
    expect(leaks).toStrictEqual([]);
  });

  test('could be found by this test if it were in clear', async () => {
    const rows = await everything();
    expect(rows.some(({ text }) => holds(text, 'order_confirmation'))).toBe(true);
  });
});
