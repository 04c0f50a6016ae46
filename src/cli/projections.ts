import { Command } from 'commander';
import { entriesOf, type Members } from './answer.ts';
import { openService, withServiceOptions, type ServiceOptions } from './service.ts';
import { cell, print, printJson, say, tableOf, type Io } from './terminal.ts';

/** Milliseconds as a person reads them. */
export function spanOf(ms: unknown): string {
  if (typeof ms !== 'number') return cell(ms);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

const HEAD = ['NAME', 'VERSION', 'STATUS', 'POSITION', 'LAG', 'EVENTS/S', 'PARKED'];
const rowOf = (it: Members): readonly string[] => [
  cell(it['name']),
  cell(it['version']),
  it['reason'] === undefined || it['reason'] === null ? cell(it['status']) : `${cell(it['status'])} (${cell(it['reason'])})`,
  cell(it['position']),
  spanOf(it['lag']),
  cell(it['rate']),
  cell(it['parked']),
];

/** `tidings projections` */
export const projectionsCommand = (io: Io): Command =>
  withServiceOptions(
    new Command('projections').description('the read models and the table of actions: how far they are and what is parked'),
  )
    .addHelpText('after', '\nExample:\n  $ ./tidings projections')
    .action(async (options: ServiceOptions) => {
      const { body } = await openService(options, io).get('/v1/projections');
      if (options.json) {
        printJson(io, body);
        return;
      }
      const all = entriesOf(body, 'data');
      print(io, ...tableOf(HEAD, all.map(rowOf)));
      if (all.some(({ parked }) => typeof parked === 'number' && parked > 0))
        say(io, 'Parked events wait for a hand: GET /v1/projections/{name}/parked, then retry or skip (docs/operating.md).');
    });
