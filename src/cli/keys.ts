import type { Command } from 'commander';
import { databaseClock } from '../adapters/clock/databaseClock.ts';
import { keysCommands, type WithKeys } from '../adapters/crypto/keysCommands.ts';
import { databaseEpochMs } from '../adapters/postgres/databaseTime.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import { over } from '../adapters/postgres/transaction.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { configOf } from './configuration.ts';
import { EXIT, Failure } from './failure.ts';
import { masterKeysOf, noMasterKeys } from './masterKeys.ts';
import { withPlaces } from './places.ts';
import { print, type Io } from './terminal.ts';

const EXAMPLES: Readonly<Record<string, string>> = {
  rotate: 'TIDINGS_MASTER_KEYS=new:…,old:… ./tidings keys rotate',
  backup: './tidings keys backup /backups/keys-2026-11-21.ndjson',
  restore: './tidings migrate && ./tidings keys restore /backups/keys-2026-11-21.ndjson',
};

const withKeys =
  (io: Io): WithKeys =>
  async (work) => {
    const config = configOf(io);
    const masters = masterKeysOf(config);
    if (masters === undefined) throw new Failure(EXIT.config, ...noMasterKeys(config));
    await withPlaces(config, io, async ({ keys }, opened) => {
      const pool = await openPool({ url: keys.url, role: 'tidings_worker', max: 3, applicationName: 'tidings keys' }).catch(notYet);
      opened.add('pool', () => pool.end());
      await over(pool).query({ text: 'select from key_store' }).catch(notYet);
      const clock = await databaseClock(() => databaseEpochMs(pool));
      opened.add('clock', () => {
        clock.close();
      });
      await work({ pool, masters, clock });
    });
  };

const NOT_YET: ReadonlySet<string> = new Set(['database_refused', 'database_unprepared']);
/** What a database answers that has no roles or no tables yet. */
function notYet(error: unknown): never {
  if (!(error instanceof PortError) || !NOT_YET.has(error.code)) throw error;
  throw new Failure(EXIT.refused, 'The database is not prepared: run ./tidings migrate first.');
}

/** `tidings keys rotate | backup <file> | restore <file>` */
export function keysCommand(io: Io): Command {
  const keys = keysCommands(withKeys(io), (line) => {
    print(io, line);
  });
  for (const command of keys.commands) command.addHelpText('after', `\nExample:\n  $ ${EXAMPLES[command.name()] ?? ''}`);
  return keys.addHelpText('after', `\nExample:\n  $ ${EXAMPLES['backup'] ?? ''}`);
}
