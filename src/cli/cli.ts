import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { PortError } from '../domain/kernel/portError.ts';
import { membersOf } from './answer.ts';
import { configCommand } from './config.ts';
import { deadLettersCommand } from './deadLetters.ts';
import { doctorCommand } from './doctor.ts';
import { explainCommand } from './explain.ts';
import { EXIT, Failure, type ExitCode } from './failure.ts';
import { keysCommand } from './keys.ts';
import { migrateCommand } from './migrate.ts';
import { projectionsCommand } from './projections.ts';
import { rebuildCommand } from './rebuild.ts';
import { sendCommand } from './send.ts';
import { cell, say, type Io } from './terminal.ts';

const versionOf = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return cell(membersOf(manifest)['version']);
};

/** `main.ts` starts the service itself; here it has its place in the help. */
const startCommand = (): Command =>
  new Command('start')
    .description('start the service (also without a command); it is configured by the environment')
    .addHelpText('after', '\nExample:\n  $ PORT=8080 ./tidings start');

const HELP = `
Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 unreachable, 78 wrong configuration.
Settings: ./tidings config, docs/operating.md. Commands in full: docs/cli.md.`;

function programOf(io: Io): Command {
  const program = new Command('tidings')
    .description('notifications that can prove what was sent, to whom, why and with whose consent')
    .version(versionOf(), '-v, --version')
    .helpCommand('help [command]')
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows the usage)')
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .addHelpText('after', HELP);
  const commands = [startCommand(), migrateCommand(io), configCommand(io), sendCommand(io), explainCommand(io), rebuildCommand(io)];
  for (const command of [...commands, projectionsCommand(io), deadLettersCommand(io), keysCommand(io), doctorCommand(io)]) {
    inherit(command, program);
    program.addCommand(command);
  }
  return program;
}

/** Commands that were made apart have settings of their own until told otherwise. */
function inherit(command: Command, from: Command): void {
  command.copyInheritedSettings(from);
  for (const each of command.commands) inherit(each, from);
}

/** Help and version are answers; everything else that commander ends with is wrong usage. */
const ofCommander = ({ exitCode }: CommanderError): ExitCode => (exitCode === 0 ? EXIT.ok : EXIT.usage);

function ofFailure(error: unknown, io: Io): ExitCode {
  if (error instanceof CommanderError) return ofCommander(error);
  if (error instanceof Failure) {
    say(io, ...error.lines);
    return error.exit;
  }
  if (error instanceof PortError) {
    say(io, `${error.message} (${error.code})`);
    return error.kind === 'unavailable' ? EXIT.unreachable : EXIT.refused;
  }
  // Anyone else's message may quote what it was given.
  const code = cell(membersOf(error)['code'] ?? (error instanceof Error ? error.name : undefined));
  say(io, `This failed in a way that nobody foresaw (${code}). ./tidings doctor may know why.`);
  return EXIT.refused;
}

/** Everything but a plain `start`: carries out one command and answers the exit code. @param argv without the program's own name. */
export async function runCli(argv: readonly string[], io: Io): Promise<ExitCode> {
  const program = programOf(io);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    return ofFailure(error, io);
  }
}
