import { Command } from 'commander';
import { migrateAll } from '../compose/databases.ts';
import { configOf } from './configuration.ts';
import { withPlaces } from './places.ts';
import { print, type Io } from './terminal.ts';

/** `tidings migrate` */
export const migrateCommand = (io: Io): Command =>
  new Command('migrate')
    .description('bring the databases up to date and print the files applied; start does the same')
    .addHelpText('after', '\nExample:\n  $ DATABASE_URL=postgres://… DATABASE_MIGRATION_URL=postgres://… ./tidings migrate')
    .action(async () => {
      const applied = await withPlaces(configOf(io), io, migrateAll);
      print(io, ...(applied.length === 0 ? ['nothing to apply: the databases are up to date'] : applied.map((name) => `applied ${name}`)));
    });
