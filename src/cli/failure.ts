/** What the process ends with; docs/cli.md promises these to scripts. 78 is EX_CONFIG of sysexits.h. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3, config: 78 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command: the lines go to stderr as they are, so they hold our own words, ids and codes. */
export class Failure extends Error {
  readonly exit: ExitCode;
  readonly lines: readonly string[];

  constructor(exit: ExitCode, ...lines: readonly string[]) {
    super(lines[0]);
    this.name = 'Failure';
    this.exit = exit;
    this.lines = lines;
  }
}
