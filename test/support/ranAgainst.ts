import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a part of the suites had at the other end: `real`: a server as its users run it, and no stand-in of ours. */
export type OtherEnd = { readonly part: string; readonly name: string; readonly real: boolean };

/** For the last lines of `npm test`, which asks for them by naming a directory in SERVERS_REPORT: a file for each that differs. */
export function ranAgainst(end: OtherEnd): void {
  const directory = process.env['SERVERS_REPORT'] ?? '';
  const text = JSON.stringify(end);
  if (directory !== '') writeFileSync(join(directory, createHash('sha256').update(text).digest('hex')), text);
}
