import { Command, Option } from 'commander';
import { CHANNELS } from '../domain/values/channel.ts';
import { entriesOf, membersOf, textIn, type Members } from './answer.ts';
import { EXIT, Failure } from './failure.ts';
import { openService, withServiceOptions, type ServiceOptions } from './service.ts';
import { cell, print, printJson, say, tableOf, type Io } from './terminal.ts';

type Filters = {
  readonly channel?: string;
  readonly provider?: string;
  readonly type?: string;
  readonly batch?: string;
  readonly since?: string;
  readonly until?: string;
};
type ListOptions = ServiceOptions & Filters & { readonly limit: string; readonly cursor?: string };
type RedriveOptions = ServiceOptions & Filters & { readonly reason?: string };

const withFilters = (command: Command): Command =>
  command
    .addOption(new Option('--channel <channel>', 'of this channel').choices(CHANNELS))
    .option('--provider <provider>', 'that this provider had')
    .option('--type <type>', 'of this type')
    .option('--batch <id>', 'of this batch')
    .option('--since <instant>', 'requested since, such as 2026-11-20T00:00:00Z')
    .option('--until <instant>', 'requested until');

const filtersOf = ({ channel, provider, type, batch, since, until }: Filters): Readonly<Record<string, string | undefined>> => ({
  channel,
  provider,
  type,
  batchId: batch,
  since,
  until,
});

const HEAD = ['DELIVERY', 'TYPE', 'CHANNEL', 'STATUS', 'CODE', 'PROVIDER', 'ATTEMPTS', 'CREATED'];
/** Without the recipient: a list of what failed needs no names. `--json` has all of it. */
const rowOf = ({ id, type, channel, status, code, provider, attempts, createdAt }: Members): readonly string[] => [
  ...[id, type, channel, status, code, provider].map(cell),
  Array.isArray(attempts) ? String(attempts.length) : '-',
  cell(createdAt),
];

const list = (io: Io): Command =>
  withServiceOptions(
    withFilters(
      new Command('list')
        .description('what providers refused for good, what ran out of attempts, and what nobody knows the outcome of')
        .option('--limit <number>', '1 to 200', '50')
        .option('--cursor <cursor>', 'of the page before'),
    ),
  )
    .addHelpText('after', '\nExample:\n  $ ./tidings dlq list --channel email --since 2026-11-20T00:00:00Z')
    .action(async (options: ListOptions) => {
      const { limit, cursor } = options;
      const { body } = await openService(options, io).get('/v1/dead-letters', { ...filtersOf(options), limit, cursor });
      if (options.json) {
        printJson(io, body);
        return;
      }
      const rows = entriesOf(body, 'data');
      print(io, ...(rows.length === 0 ? ['there are no dead letters'] : tableOf(HEAD, rows.map(rowOf))));
      const next = textIn(body, 'nextCursor');
      if (next !== undefined) say(io, `There are more: --cursor ${next}`);
    });

async function redriven(deliveryId: string | undefined, options: RedriveOptions, io: Io): Promise<unknown> {
  const filters = Object.fromEntries(Object.entries(filtersOf(options)).filter(([, value]) => value !== undefined));
  const filtered = Object.keys(filters).length > 0;
  if ((deliveryId === undefined) !== filtered)
    throw new Failure(EXIT.usage, 'Name one delivery, or a filter such as --channel or --since.', 'See ./tidings dlq redrive --help');
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const service = openService(options, io);
  if (deliveryId === undefined) return (await service.post('/v1/dead-letters/redrive', { body: { ...filters, ...reason } })).body;
  const path = `/v1/dead-letters/${encodeURIComponent(deliveryId)}/redrive`;
  return (await service.post(path, { body: reason })).body;
}

const redrive = (io: Io): Command =>
  withServiceOptions(
    withFilters(
      new Command('redrive')
        .description('send dead letters on their way again, with a fresh look at the gates; up to 1,000 at once')
        .argument('[deliveryId]', 'one; otherwise all that fit the filters')
        .option('--reason <text>', 'why, for the record; nothing personal'),
    ),
  )
    .addHelpText('after', "\nExample:\n  $ ./tidings dlq redrive --provider smtp --since 2026-11-20T00:00:00Z --reason 'the relay is back'")
    .action(async (deliveryId: string | undefined, options: RedriveOptions) => {
      const body = await redriven(deliveryId, options, io);
      if (options.json) {
        printJson(io, body);
        return;
      }
      const { deliveries, more } = membersOf(body);
      print(io, `on their way again: ${cell(deliveries)}`);
      if (more === true) say(io, 'There are more that fit: run it again.');
    });

/** `tidings dlq list | redrive` */
export const deadLettersCommand = (io: Io): Command =>
  new Command('dlq')
    .description('dead letters: list them, and send them on their way again')
    .addCommand(list(io))
    .addCommand(redrive(io))
    .addHelpText('after', '\nExample:\n  $ ./tidings dlq list');
