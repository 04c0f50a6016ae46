import type { Environment } from '../config/settings.ts';

/** What a command may touch of the process. */
export type Io = {
  readonly env: Environment;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly stdout: { readonly write: (text: string) => unknown };
  readonly stderr: { readonly write: (text: string) => unknown };
};

/** stdout is for what was asked for, stderr for what is said about it. */
export const print = ({ stdout }: Pick<Io, 'stdout'>, ...lines: readonly string[]): void => {
  for (const line of lines) stdout.write(`${line}\n`);
};
export const say = ({ stderr }: Pick<Io, 'stderr'>, ...lines: readonly string[]): void => {
  for (const line of lines) stderr.write(`${line}\n`);
};

export const printJson = (io: Pick<Io, 'stdout'>, value: unknown): void => {
  print(io, JSON.stringify(value, undefined, 2));
};

/** A server's text could move the cursor or set a title: control characters and those that turn the direction are shown, not obeyed. */
export const plain = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\n' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A value of an answer as a cell: what is not there is a dash. */
export function cell(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-';
  if (typeof value === 'string') return plain(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : plain(JSON.stringify(value));
}

const characters = new Intl.Segmenter('en');
/** In characters as a person counts them. */
const widthOf = (text: string): number => [...characters.segment(text)].length;

/** Columns as wide as their widest cell; the last one is not padded. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => (column === head.length - 1 ? text : text + ' '.repeat((widths[column] ?? 0) - widthOf(text))))
      .join('  ')
      .trimEnd();
  return all.map(line);
}
