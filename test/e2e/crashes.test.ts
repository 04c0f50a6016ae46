import { describe, expect, test } from 'vitest';
import { eventually } from '../support/client.ts';
import { message, serviceForSuite } from '../support/service.ts';
import { smtpLedger, type SmtpLedger } from '../support/smtpLedger.ts';

const [CONNECTIONS, PIPELINE] = [2, 8];
/** What was in flight at a kill is asked for again when its claim ends: a lease lasts three of the provider's deadlines, 30 s at least. */
const A_LEASE_AND_MORE = 180_000;
let ledger: SmtpLedger;

const tidings = serviceForSuite({
  // It is one process's alone, so a start after a crash knows that whoever held claims is dead, and waits for none of them to end.
  database: 'embedded',
  before: async () => {
    ledger = await smtpLedger();
  },
  after: () => ledger.close(),
  env: () => ({
    EMAIL_PROVIDERS: 'smtp',
    EMAIL_FROM: 'shop@example.com',
    SMTP_URL: `smtp://127.0.0.1:${String(ledger.port)}?connections=${String(CONNECTIONS)}&pipeline=${String(PIPELINE)}&deadline=9000`,
  }),
});

const arrivedOf = (prefix: string): readonly (readonly [string, number])[] =>
  [...ledger.taken].filter(([to]) => to.startsWith(`${prefix}-`));
const everybody = (prefix: string, count: number): Promise<true> =>
  eventually(`all of ${prefix} have got theirs`, () => (arrivedOf(prefix).length === count ? true : undefined), {
    deadlineMs: A_LEASE_AND_MORE,
    seen: () => arrivedOf(prefix).length,
  });

describe('the service', () => {
  test('answers what it has begun to answer when it is told to stop, and takes nothing new', { timeout: 400_000 }, async () => {
    const posting = Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        tidings.post('/v1/notifications', message([{ email: `last-${String(at)}@example.com` }])).catch(() => undefined),
      ),
    );
    await eventually('some were accepted', () => (arrivedOf('last').length > 0 ? true : undefined));
    const stopping = tidings.stop('SIGINT');
    const answers = await posting;
    expect(await stopping).toBe(0);
    await tidings.restart();
    const accepted = answers.filter((answer) => answer?.status === 202);
    await everybody('last', accepted.length);
  });

  test('loses nothing that it accepted when it is killed, and doubles no more than was in flight', { timeout: 400_000 }, async () => {
    const accepted = new Set<string>();
    let killed = false;
    const post = async (poster: number): Promise<void> => {
      for (let at = 0; !killed; at++) {
        const to = `kill-${String(poster)}-${String(at)}@example.com`;
        const answer = await tidings.post('/v1/notifications', message([{ email: to }])).catch(() => undefined);
        if (answer?.status === 202) accepted.add(to);
      }
    };
    const posting = Promise.all(Array.from({ length: 8 }, (_, poster) => post(poster)));
    await eventually('a good many have gone', () => (arrivedOf('kill').length > 150 ? true : undefined));
    await tidings.kill();
    killed = true;
    await posting;
    await tidings.restart();
    await eventually(
      'everybody who was accepted has got theirs',
      () => ([...accepted].every((to) => ledger.taken.has(to)) ? true : undefined),
      {
        deadlineMs: A_LEASE_AND_MORE,
        seen: () => [...accepted].filter((to) => !ledger.taken.has(to)).length,
      },
    );
    await eventually(
      'nothing is pending',
      async () => {
        const { body } = await tidings.get('/v1/deliveries?outcome=pending&limit=1');
        return body.data.length === 0 ? true : undefined;
      },
      { deadlineMs: A_LEASE_AND_MORE },
    );
    const doubled = arrivedOf('kill').reduce((sum, [, times]) => sum + times - 1, 0);
    expect(doubled).toBeLessThanOrEqual(CONNECTIONS * PIPELINE);
  });
});
