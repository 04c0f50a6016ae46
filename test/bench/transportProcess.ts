import { smtpProvider } from '../../src/adapters/providers/email/smtp.ts';
import { parseSmtpUrl } from '../../src/adapters/providers/email/smtpUrl.ts';
import { createRenderer } from '../../src/adapters/templating/renderer.ts';
import type { DkimKey } from '../../src/adapters/providers/email/dkim.ts';
import { isRejection } from '../../src/domain/kernel/rejection.ts';
import { isRenderFailure } from '../../src/processes/dispatch/renderer.ts';
import { addressOf } from '../support/bigBatch.ts';
import { FROM, NEWS, newsVariablesOf, outgoing } from './mail.ts';
import { byCallers, must, timed, type Turn } from './rounds.ts';

export type TransportTask = { readonly smtpUrl: string; readonly mails: number; readonly dkim?: DkimKey };
export type TransportDone = Turn;

// The least that sending a batch can cost: render each mail and hand it over, from memory, with nothing written down.
process.once('message', (task: TransportTask) => {
  void run(task).then((turn) => {
    process.send?.(turn satisfies TransportDone);
    process.disconnect();
  });
});

async function run({ smtpUrl, mails, dkim }: TransportTask): Promise<Turn> {
  const options = parseSmtpUrl(smtpUrl);
  if (isRejection(options)) throw new Error(options.rejected);
  const provider = smtpProvider(options, { clock: { epochMs: () => Date.now() }, ...(dkim && { dkim: [dkim] }) });
  const renderer = createRenderer();
  const half = provider.window / 2;
  const turn = await timed(mails, () =>
    byCallers(2, Math.ceil(mails / half), async (part) => {
      const messages = Array.from({ length: Math.min(half, mails - part * half) }, (_, at) => {
        const index = part * half + at;
        const made = renderer.render({ content: NEWS, channel: 'email', variables: newsVariablesOf(index) });
        must(!isRenderFailure(made) && made.channel === 'email', 'the mail renders');
        return outgoing(`mail-${String(index)}`, { ...made, from: FROM, to: addressOf(index), attachments: [] });
      });
      const results = await provider.send(messages);
      must(
        results.every(({ outcome }) => outcome === 'accepted'),
        'each mail is accepted',
      );
    }),
  );
  await provider.close();
  return turn;
}
