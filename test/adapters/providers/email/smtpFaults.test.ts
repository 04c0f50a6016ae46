import fc from 'fast-check';
import { expect, test } from 'vitest';
import { smtpProvider } from '../../../../src/adapters/providers/email/smtp.ts';
import { scriptedSmtp, type Answer } from '../../../support/smtpServers.ts';
import { CLOCK, many, optionsFor } from './smtpCases.ts';

const faults = fc.constantFrom<Answer>(
  'cut',
  'reset',
  '421 4.3.2 closing',
  '450 4.2.0 later',
  '550 5.1.1 nobody',
  '452 4.5.3 too many',
  '250 2.0.0 ok',
  '354 go ahead',
  '250-half',
  'nonsense',
);
/** Mostly the server's own answer. */
const answers = fc.array(fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: faults }), {
  minLength: 10,
  maxLength: 300,
});
const MODES = [['8BITMIME'], ['PIPELINING'], ['PIPELINING', 'CHUNKING']] as const;

test('whatever goes wrong: accepted was taken once, refused was not taken, and everything is answered', async () => {
  await fc.assert(
    fc.asyncProperty(
      answers,
      fc.constantFrom(...MODES),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (script, mode, connections, trickle) => {
        let asked = 0;
        // half a reply swallows the next one: with whole messages under way, the verdicts behind it are of others
        const told = (it: Answer): Answer => (it === '250-half' && mode.length === 2 ? undefined : it);
        const server = await scriptedSmtp({
          capabilities: mode,
          trickle,
          careless: true,
          on: (step) => (step === 'quit' ? undefined : told(script[asked++])),
        });
        const provider = smtpProvider(
          optionsFor(server.port, { connections, chunking: true, pipeline: 5, deadlineMs: 400, connectMs: 200 }),
          { clock: CLOCK },
        );
        try {
          const messages = many(12);
          const results = await provider.send(messages);
          expect(results).toHaveLength(messages.length);
          for (const [n, result] of results.entries()) {
            const taken = server.received.filter(
              ({ to, raw }) => to === `to${n}@example.org` && raw.includes(`Subject: Hello ${n}\r\n`),
            ).length;
            if (result.outcome === 'accepted') expect([n, taken]).toStrictEqual([n, 1]);
            if (result.outcome === 'refused') expect([n, taken]).toStrictEqual([n, 0]);
            expect(taken).toBeLessThanOrEqual(1);
          }
          // nothing arrives under another's name, or in pieces
          expect(
            server.received.every(
              ({ raw, to }) => raw.includes(`To: ${to}\r\n`) && raw.trimEnd().endsWith(`Mail ${/\d+/.exec(to)?.[0] ?? ''}`),
            ),
          ).toBe(true);
        } finally {
          await provider.close();
          await server.close();
        }
      },
    ),
    { numRuns: 60 },
  );
}, 240_000);
