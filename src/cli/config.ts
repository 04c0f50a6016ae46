import { Command } from 'commander';
import { configOf } from './configuration.ts';
import { print, printJson, tableOf, type Io } from './terminal.ts';

/** `tidings config` */
export const configCommand = (io: Io): Command =>
  new Command('config')
    .description('print every setting as it is read, without secrets; or all that is wrong with them (exit 78)')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ PORT=8080 EMAIL_PROVIDERS=smtp ./tidings config')
    .action(({ json }: { readonly json?: true }) => {
      const { shown } = configOf(io);
      if (json) printJson(io, shown);
      else
        print(
          io,
          ...tableOf(
            ['SETTING', 'FROM', 'VALUE'],
            shown.map(({ name, from, value }) => [name, from, value]),
          ),
        );
    });
