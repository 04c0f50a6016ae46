import { entriesOf, textIn } from './answer.ts';
import { cell, plain } from './terminal.ts';

const NEXT: Readonly<Record<string, string>> = {
  unauthenticated: 'Is it the key of this service? Name another with --key-file <file> or TIDINGS_API_KEY.',
  missing_scope: 'Use a key that has the scope: --key-file <file>.',
  not_found: 'A service of another version may lack it: see /docs of the service.',
};

/** A problem (RFC 9457) for a person, with what to do next; undefined where it is none. */
export function problemText(body: unknown): readonly string[] | undefined {
  const [code, title, detail, requestId] = ['code', 'title', 'detail', 'requestId'].map((name) => textIn(body, name));
  if (code === undefined || title === undefined) return undefined;
  const next = NEXT[code];
  return [
    `${plain(title)} (${plain(code)})`,
    ...(detail === undefined || detail === title ? [] : [plain(detail)]),
    ...entriesOf(body, 'errors').map(({ path, message }) => `  ${cell(path)}: ${cell(message)}`),
    ...entriesOf(body, 'recipients').map(({ index, code: why, detail: more }) => `  recipient ${cell(index)}: ${cell(why)}: ${cell(more)}`),
    ...(next === undefined ? [] : [next]),
    ...(requestId === undefined ? [] : [`request ${plain(requestId)}`]),
  ];
}
