import lexer from 'nunjucks/src/lexer.js';
import type { Token } from 'nunjucks/src/lexer.js';
import parser from 'nunjucks/src/parser.js';
import type { SyntaxNode } from 'nunjucks/src/parser.js';
import { named, refuse, TemplateRefused } from './templateError.ts';

/** UTF-16 code units of one template: nunjucks' lexer reads it character by character, on the event loop. */
export const MAX_SOURCE = 500_000;
/** Words, signs and blanks between texts: parsing and compiling one takes some microseconds. */
const MAX_TOKENS = 20_000;
/** Nesting of brackets in one tag, and of blocks: nunjucks' parser recurses. */
const MAX_DEPTH = 40;
/** `not`, signs and `elif` recurse in the parser too, one call each. */
const MAX_RECURSING = 200;
/** Before a `{%-` the parser cuts white space with a pattern that is quadratic in the length of a run. */
const MAX_BLANKS = 400;

const OPENING: ReadonlySet<string> = new Set(['left-paren', 'left-bracket', 'left-curly']);
const CLOSING: ReadonlySet<string> = new Set(['right-paren', 'right-bracket', 'right-curly']);

/** Where a tag or comment stands in the source, from `{` to behind `}`. */
export type TagSpan = { readonly start: number; readonly end: number; readonly comment: boolean };
export type Syntax = { readonly root: SyntaxNode; readonly tags: readonly TagSpan[] };

type Markers = { readonly [name: string]: string };
type Scan = { depth: number; recursing: number; blocks: number; elifs: number; assigning: boolean };

/**
 * Nunjucks' tree of a template. Its tokens are bounded first, so that neither the parser's recursion nor its regular expressions
 * can be driven: what is not in the language (raw, macro, include, …) never reaches it.
 * @throws TemplateRefused
 */
export function parseTemplate(source: string): Syntax {
  const start = { lineno: 0, colno: 0 };
  if (source.length > MAX_SOURCE) refuse(start, 'template_too_large', `a template has at most ${MAX_SOURCE} characters`);
  const { tokens, tags, markers } = tokensOf(source);
  let next = 0;
  const stream = { tags: markers, nextToken: () => tokens[next++] ?? null };
  try {
    return { root: new parser.Parser(stream).parseAsRoot(), tags };
  } catch (thrown) {
    throw inOurWords(thrown);
  }
}

function tokensOf(source: string): { readonly tokens: readonly Token[]; readonly tags: readonly TagSpan[]; readonly markers: Markers } {
  const tokenizer = lexer.lex(source);
  const tokens: Token[] = [];
  const tags: TagSpan[] = [];
  const scan: Scan = { depth: 0, recursing: 0, blocks: 0, elifs: 0, assigning: false };
  let opened = 0;
  for (;;) {
    const at = tokenizer.index;
    const token = nextOf(() => tokenizer.nextToken());
    if (token === null) return { tokens, tags, markers: tokenizer.tags };
    if (tokens.length >= MAX_TOKENS)
      refuse(token, 'template_too_large', `a template has at most ${MAX_TOKENS} words and signs in its tags`);
    if (token.type === 'block-start' || token.type === 'variable-start') {
      opened = at;
      Object.assign(scan, { depth: 0, recursing: 0 });
      checkBlanks(tokens.at(-1), token);
    }
    if (token.type === 'block-end' || token.type === 'variable-end') tags.push({ start: opened, end: tokenizer.index, comment: false });
    if (token.type === 'comment') {
      tags.push({ start: at, end: tokenizer.index, comment: true });
      checkBlanks(tokens.at(-1), token);
    }
    checkToken(
      scan,
      tokens.findLast((it) => it.type !== 'whitespace'),
      token,
    );
    tokens.push(token);
  }
}

function nextOf(read: () => Token | null): Token | null {
  try {
    return read();
  } catch (thrown) {
    throw inOurWords(thrown);
  }
}

function checkBlanks(before: Token | undefined, opening: Token): void {
  if (before?.type !== 'data' || typeof before.value !== 'string' || typeof opening.value !== 'string' || opening.value[2] !== '-') return;
  let run = 0;
  for (const char of before.value) {
    run = char.trim() === '' ? run + 1 : 0;
    if (run > MAX_BLANKS) refuse(opening, 'template_too_large', `at most ${MAX_BLANKS} blanks in a row in text that a "-" trims`);
  }
}

const RECURSING: ReadonlySet<unknown> = new Set(['not', '-', '+']);

function checkToken(scan: Scan, before: Token | undefined, token: Token): void {
  if (token.type === 'regex') refuse(token, 'unsupported', 'regular expressions do not exist in templates');
  if (before?.type === 'block-start' && token.type !== 'whitespace') checkStatement(scan, token);
  if (scan.assigning) checkCapture(scan, token);
  checkNesting(scan, token);
}

function checkNesting(scan: Scan, token: Token): void {
  if (OPENING.has(token.type)) scan.depth += 1;
  if (CLOSING.has(token.type)) scan.depth -= 1;
  if (RECURSING.has(token.value)) scan.recursing += 1;
  if (scan.depth > MAX_DEPTH || scan.recursing > MAX_RECURSING) refuse(token, 'template_too_deep', 'the expression is nested too deeply');
}

/** A `set` without `=` opens a block. */
function checkCapture(scan: Scan, token: Token): void {
  if (token.value === '=' || token.type === 'block-end') scan.assigning = false;
  if (token.type === 'block-end') scan.blocks += 1;
  if (scan.blocks > MAX_DEPTH) refuse(token, 'template_too_deep', 'too many blocks in blocks');
}

/** Statements, with what each does to the depth of blocks. */
const STATEMENTS: ReadonlyMap<unknown, number> = new Map([
  ...['elif', 'elseif', 'else', 'set'].map((name) => [name, 0] as const),
  ...['if', 'for'].map((name) => [name, 1] as const),
  ...['endif', 'endfor', 'endset'].map((name) => [name, -1] as const),
]);

function checkStatement(scan: Scan, token: Token): void {
  const deeper = STATEMENTS.get(token.value);
  if (deeper === undefined) refuse(token, 'unknown_tag', `the tag${named(token.value)} does not exist; there are if, for and set`);
  scan.blocks += deeper;
  scan.assigning = token.value === 'set';
  if (token.value === 'elif' || token.value === 'elseif') scan.elifs += 1;
  if (scan.blocks > MAX_DEPTH || scan.elifs > MAX_RECURSING)
    refuse(token, 'template_too_deep', 'too many blocks in blocks, or too many elif');
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/expected variable end/, 'the expression does not end where }} is expected'],
  [/expected block end/, 'the tag does not end where %} is expected'],
  [/unexpected token/, 'something in the expression is not expected here'],
  [/unknown block tag/, 'this tag closes nothing that is open'],
  [/end of file|got EOF/, 'the template ends inside a block'],
  [/end of comment/, 'a comment is not opened or not closed'],
  [/expected "in"|variable name expected/, 'a loop is written {% for item in items %}'],
  [/expected = or block end/, 'an assignment is written {% set name = value %}'],
];

/** A parser's message quotes the source, which may hold anything; ours only says what kind of fault it is. */
function inOurWords(thrown: unknown): TemplateRefused {
  if (thrown instanceof TemplateRefused) return thrown;
  if (thrown instanceof RangeError)
    return new TemplateRefused({ code: 'template_too_deep', line: 1, column: 1, message: 'the template is nested too deeply' });
  const { message, lineno, colno } = thrown as { message?: unknown; lineno?: unknown; colno?: unknown };
  const text = String(message);
  const known = WORDS.find(([pattern]) => pattern.test(text));
  const line = typeof lineno === 'number' ? Math.max(1, lineno) : 1;
  const column = typeof colno === 'number' ? Math.max(1, colno) : 1;
  return new TemplateRefused({ code: 'syntax', line, column, message: known?.[1] ?? 'the template is not understood here' });
}
