import { Command } from 'commander';
import { entriesOf, textIn, type Members } from './answer.ts';
import { EXIT, Failure } from './failure.ts';
import { openService, withServiceOptions, type ServiceClient, type ServiceOptions } from './service.ts';
import { cell, print, printJson, tableOf, type Io } from './terminal.ts';

type ExplainOptions = ServiceOptions & {
  readonly recipient?: string;
  readonly email?: string;
  readonly type?: string;
  readonly since?: string;
  readonly until?: string;
};

/** How many deliveries of one notification are explained. */
const MOST = 20;
const usage = (message: string): Failure => new Failure(EXIT.usage, message, 'See ./tidings explain --help');
const path = (...parts: readonly string[]): string => `/v1/${parts.map(encodeURIComponent).join('/')}`;

/** A delivery's id is its notification's with `_` and a number. */
const isDelivery = (id: string): boolean => /_\d+$/.test(id);

async function ofNotification(service: ServiceClient, id: string): Promise<object> {
  const { body } = await service.get(path('notifications', id, 'deliveries'), { limit: String(MOST) });
  const data: unknown[] = [];
  for (const { id: delivery } of entriesOf(body, 'data'))
    data.push((await service.get(path('deliveries', cell(delivery), 'explain'))).body);
  const more = textIn(body, 'nextCursor') === undefined ? {} : { more: true };
  return data.length === 0 ? { data, sentence: NOT_PLANNED } : { data, ...more };
}
const NOT_PLANNED = 'It is accepted, and nothing of it has been planned yet: look again in a moment, or at its schedule.';

async function answerTo(id: string | undefined, options: ExplainOptions, io: Io): Promise<unknown> {
  const { recipient: recipientId, email, type, since, until } = options;
  if (id === undefined) {
    if ((recipientId === undefined) === (email === undefined)) throw usage('Name an id, or one person: --recipient or --email.');
    return (await openService(options, io).get('/v1/explain', { recipientId, email, type, since, until })).body;
  }
  if ([email, type, since, until].some((it) => it !== undefined)) throw usage('--email, --type, --since and --until go without an id.');
  const service = openService(options, io);
  if (isDelivery(id)) return { data: [(await service.get(path('deliveries', id, 'explain'))).body] };
  if (recipientId === undefined) return ofNotification(service, id);
  return (await service.get(path('notifications', id, 'explain'), { recipientId })).body;
}

/** One trace: the sentence first, since it is what most people came for. */
function linesOf(trace: Members): readonly string[] {
  const gates = entriesOf(trace, 'gates').map(({ gate, verdict, code, because }) => [cell(gate), cell(verdict), cell(code), cell(because)]);
  const timeline = entriesOf(trace, 'timeline').map(({ at, event, what }) => [cell(at), cell(event), cell(what)]);
  const isRefusal = trace['deliveryId'] === undefined;
  return [
    isRefusal
      ? `refused: ${cell(trace['recipientId'])}`
      : `delivery ${cell(trace['deliveryId'])}: ${cell(trace['channel'])} to ${cell(trace['recipientId'])}`,
    cell(trace['sentence']),
    ...(gates.length === 0 ? [] : ['', ...tableOf(['GATE', 'VERDICT', 'CODE', 'BECAUSE'], gates)]),
    ...(timeline.length === 0 ? [] : ['', ...tableOf(['AT', 'EVENT', 'WHAT'], timeline)]),
    '',
  ];
}

const HELP = `
Examples:
  $ ./tidings explain 0193b2c4-5d6e-8f70-8123-456789abcdef
  $ ./tidings explain 0193b2c4-5d6e-8f70-8123-456789abcdef_0
  $ ./tidings explain --email ana@example.com --type order_shipped --since 2026-11-01T00:00:00Z`;

/** `tidings explain` */
export const explainCommand = (io: Io): Command =>
  withServiceOptions(
    new Command('explain')
      .description('why a message came, or did not: of a notification, a delivery, or to a person')
      .argument('[id]', `of a notification (the first ${MOST} deliveries) or of a delivery`)
      .option('--recipient <id>', 'your own id of the person')
      .option('--email <address>', 'of the person')
      .option('--type <type>', 'of the message')
      .option('--since <instant>', 'requested since')
      .option('--until <instant>', 'requested until'),
  )
    .addHelpText('after', HELP)
    .action(async (id: string | undefined, options: ExplainOptions) => {
      const answer = await answerTo(id, options, io);
      if (options.json) {
        printJson(io, answer);
        return;
      }
      const traces = entriesOf(answer, 'data');
      for (const trace of traces) print(io, ...linesOf(trace));
      // Each trace has its own.
      const sentence = traces.length === 0 ? textIn(answer, 'sentence') : undefined;
      if (sentence !== undefined) print(io, cell(sentence));
      if (typeof answer === 'object' && answer !== null && 'more' in answer) print(io, `These are the first ${MOST}: name a --recipient.`);
    });
