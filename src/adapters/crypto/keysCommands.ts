import { Command } from 'commander';
import type { Clock } from '../../commands/ports.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import type { Pool } from '../postgres/pool.ts';
import { backupKeys } from './backup.ts';
import type { BackupFoot } from './backupFile.ts';
import type { MasterKeys } from './masterKeys.ts';
import { restoreKeys } from './restore.ts';
import { rotateKeys } from './rotate.ts';

/** What the commands work on. `pool`: of the keys' database, as tidings_worker. */
export type KeysAccess = { readonly pool: Pool; readonly masters: MasterKeys; readonly clock: Clock };
/** Opens what configuration names, lends it to `work`, closes it. */
export type WithKeys = (work: (access: KeysAccess) => Promise<void>) => Promise<void>;

const counted = ({ rows, masters }: BackupFoot): string =>
  `${rows.subject_keys} keys of people, ${rows.period_keys} of periods, ${rows.index_keys} of indexes, ${rows.subject_aliases} aliases; wrapped by ${masters.join(', ') || 'none'}`;

/** `tidings keys rotate | backup <file> | restore <file>`; `print` takes lines for a person. Commands throw PortError. */
export function keysCommands(withKeys: WithKeys, print: (line: string) => void): Command {
  const keys = new Command('keys').description('the keys that personal data is sealed under');
  keys
    .command('rotate')
    .description('rewrap every key with the first of TIDINGS_MASTER_KEYS; may be interrupted and repeated')
    .action(() =>
      withKeys(async ({ pool, masters }) => {
        const { rewrapped, unreadable } = await rotateKeys(pool, masters);
        print(`rewrapped ${rewrapped} keys with master key ${masters.first}`);
        if (unreadable > 0)
          throw new PortError('unavailable', 'keys_unreadable', `${unreadable} keys need a master key that is not in TIDINGS_MASTER_KEYS`);
        print('older master keys can go once no process and no backup needs them');
      }),
    );
  keys
    .command('backup <file>')
    .description('write all keys, still wrapped, to one file')
    .action((file: string) =>
      withKeys(async ({ pool, clock }) => {
        print(`saved ${counted(await backupKeys(pool, clock, file))}`);
      }),
    );
  keys
    .command('restore <file>')
    .description('bring the keys of a backup back; what was destroyed stays destroyed')
    .action((file: string) =>
      withKeys(async ({ pool }) => {
        print(`restored ${counted(await restoreKeys(pool, file))}`);
      }),
    );
  return keys;
}
