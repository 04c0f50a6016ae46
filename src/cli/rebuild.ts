import { Command } from 'commander';
import { openLog } from '../adapters/logging/log.ts';
import { rebuildFromStore, type Progress, type Rebuilt } from '../compose/rebuildFromStore.ts';
import { configOf } from './configuration.ts';
import { EXIT, Failure } from './failure.ts';
import { masterKeysOf, noMasterKeys } from './masterKeys.ts';
import { withPlaces } from './places.ts';
import { openService, withServiceOptions, type ServiceOptions } from './service.ts';
import { cell, print, printJson, say, tableOf, type Io } from './terminal.ts';

type Options = ServiceOptions & { readonly fromStore?: true };

const EXAMPLE = `
Examples:
  $ ./tidings rebuild notifications
  $ DATABASE_URL=postgres://…/new EVENT_STORE_URL=esdb://… TIDINGS_KEYS_URL=postgres://… ./tidings rebuild --from-store`;

/** `tidings rebuild <projection>`, `tidings rebuild --from-store` */
export const rebuildCommand = (io: Io): Command =>
  withServiceOptions(
    new Command('rebuild')
      .description('build a read model anew from the log, beside the one that serves, and swap them; or all of them after a loss')
      .argument('[projection]', 'its name, as ./tidings projections lists it')
      .option('--from-store', 'all that the database of read models holds, into an empty one; no service needs to run'),
  )
    .addHelpText('after', EXAMPLE)
    .action(async (name: string | undefined, options: Options) => {
      if ((name === undefined) !== (options.fromStore === true))
        throw new Failure(
          EXIT.usage,
          'Say which: ./tidings rebuild <projection>, or --from-store for all of them. (--help shows the usage)',
        );
      await (name === undefined ? all(options, io) : one(name, options, io));
    });

async function one(name: string, options: Options, io: Io): Promise<void> {
  const { body } = await openService(options, io).post(`/v1/projections/${encodeURIComponent(name)}/rebuild`);
  if (options.json) printJson(io, body ?? {});
  else print(io, `${cell(name)} is being rebuilt; what serves stays until the new one has caught up`, 'Progress: ./tidings projections');
}

async function all({ json }: Options, io: Io): Promise<void> {
  const config = configOf(io);
  const masters = masterKeysOf(config);
  if (masters === undefined) throw new Failure(EXIT.config, ...noMasterKeys(config));
  const log = openLog(config.logLevel === 'info' ? 'warn' : config.logLevel);
  await withPlaces(config, io, async (places, opened) => {
    const rebuilt = await rebuildFromStore({ places, masters, log, told: telling(io) }, opened);
    if (json) printJson(io, rebuilt);
    else print(io, ...summaryOf(rebuilt));
  });
}

/** A line each time that something has changed. */
function telling(io: Io): (progress: Progress) => void {
  let last = '';
  return (progress) => {
    const line = 'keys' in progress ? `looking whether the keys fit the log: ${String(progress.keys)} events` : rowsLine(progress.rows);
    if (line !== last) say(io, line);
    last = line;
  };
}

const rowsLine = (rows: Rebuilt['readModels']): string =>
  rows.length === 0
    ? 'making the tables'
    : rows.map(({ name, events, caughtUp }) => `${name} ${String(events)}${caughtUp ? '' : '…'}`).join(', ');

function summaryOf({ readModels, actions, reservations }: Rebuilt): readonly string[] {
  const rows = readModels.map(({ name, events, parked }) => [name, String(events), String(parked)]);
  const left = Object.entries(actions).map(([kind, n]) => `${kind} ${String(n)}`);
  return [
    ...tableOf(['READ MODEL', 'EVENTS', 'PARKED'], rows),
    `To be done: ${left.length === 0 ? 'nothing' : left.join(', ')}. Dedup keys held: ${String(reservations)}.`,
    'Nothing was sent. Start the processes: delivery goes on, and what was in flight is recovered.',
  ];
}
