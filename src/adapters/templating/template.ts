import type { SyntaxNode } from 'nunjucks/src/parser.js';
import { lintHtml } from './htmlLint.ts';
import { schemeOf, isDenied, safeUrl } from './url.ts';
import { takeChars } from './run.ts';
import type { Piece, Run } from './run.ts';
import type { Compilation } from './scope.ts';
import { compileBody } from './statements.ts';
import { MAX_SOURCE, parseTemplate } from './syntax.ts';
import type { TagSpan } from './syntax.ts';
import { errorAt, TemplateRefused } from './templateError.ts';
import type { TemplateError } from './templateError.ts';

/**
 * What a template makes: `html` escapes; `text` is as it is; `line` is a header or a title, on one line without control
 * characters; `address` is a line whose variables can't end a name or start an address; `link` is a reference that runs nothing.
 */
export type TemplateKind = 'html' | 'text' | 'line' | 'address' | 'link';

export type CompiledTemplate = {
  /** @throws BudgetExceeded */
  readonly render: Piece;
  /** Variables from outside, each where it is first used. */
  readonly used: ReadonlyMap<string, Pick<SyntaxNode, 'lineno' | 'colno'>>;
  readonly tags: readonly TagSpan[];
};
export type TemplateErrors = { readonly errors: readonly TemplateError[] };

const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
const oneLine = (text: string): string => text.replace(CONTROLS, ' ').trim();
/** RFC 5322's specials, but the @ and the dot of an address. */
const plainName = (text: string): string => text.replace(/[()<>[\]:;\\,"]+/g, '');

const FINISH: { readonly [Kind in TemplateKind]?: (text: string) => string } = { line: oneLine, address: oneLine };

/** Compiles one template: its tree becomes closures; no code is generated. Never throws for what an author wrote. */
export function compileTemplate(source: string, kind: TemplateKind): CompiledTemplate | TemplateErrors {
  try {
    return compiled(source, kind);
  } catch (thrown) {
    if (thrown instanceof TemplateRefused) return { errors: [thrown.error] };
    throw thrown;
  }
}

function compiled(source: string, kind: TemplateKind): CompiledTemplate | TemplateErrors {
  const finish = kind === 'link' ? linkOf(source) : FINISH[kind];
  if (source.length <= MAX_SOURCE && !/\{[{%#]|#\}/.test(source)) return constant(source, finish);
  const { root, tags } = parseTemplate(source);
  const lint = kind === 'html' ? lintHtml(root) : { urls: new Set<SyntaxNode>(), errors: [] };
  if (lint.errors.length > 0) return { errors: lint.errors };
  const compilation: Compilation = {
    html: kind === 'html',
    ...(kind === 'address' ? { clean: plainName } : {}),
    urls: lint.urls,
    used: new Map(),
    scope: { names: new Map() },
    slots: 0,
    depth: 0,
    nodes: 0,
  };
  const body = compileBody(compilation, root);
  const { slots, used } = compilation;
  const fresh = (run: Run): string => {
    run.slots = slots === 0 ? NO_SLOTS : new Array<unknown>(slots).fill(undefined);
    return body(run);
  };
  return { render: finish === undefined ? fresh : (run) => finish(fresh(run)), used, tags };
}

const NO_SLOTS: unknown[] = [];

function constant(text: string, finish: ((text: string) => string) | undefined): CompiledTemplate {
  const made = finish === undefined ? text : finish(text);
  const render = (run: Run): string => {
    takeChars(run, made.length);
    return made;
  };
  return { render, used: new Map(), tags: [] };
}

/** A scheme that the author wrote in front is the author's to choose (an app's own), unless it runs code. @throws TemplateRefused */
function linkOf(source: string): (text: string) => string {
  const scheme = schemeOf(source);
  if (scheme !== undefined && isDenied(scheme)) {
    throw new TemplateRefused(errorAt({ lineno: 0, colno: 0 }, 'unsafe_url', 'a link cannot have this scheme'));
  }
  return (text) => safeUrl(text, scheme);
}
