import type { SyntaxNode } from 'nunjucks/src/parser.js';

export type TemplateErrorCode =
  | 'template_too_large'
  | 'template_too_deep'
  | 'syntax'
  | 'unknown_tag'
  | 'unsupported'
  | 'unknown_filter'
  | 'filter_arguments'
  | 'forbidden_member'
  | 'computed_member'
  | 'unknown_variable'
  | 'dynamic_markup'
  | 'unquoted_attribute'
  | 'unsafe_attribute'
  | 'unsafe_url'
  | 'unbalanced_markup'
  | 'forbidden_header'
  | 'text_not_derivable'
  | 'layout_content';

/** What is wrong with a template, in our own words: names of tags, filters and variables, never a value. Lines and columns count from 1. */
export type TemplateError = { readonly code: TemplateErrorCode; readonly line: number; readonly column: number; readonly message: string };

/** Ends a compilation; never leaves this folder. */
export class TemplateRefused extends Error {
  readonly error: TemplateError;

  constructor(error: TemplateError) {
    super(error.code);
    this.error = error;
  }
}

type Place = Pick<SyntaxNode, 'lineno' | 'colno'>;

export const errorAt = (place: Place, code: TemplateErrorCode, message: string): TemplateError => ({
  code,
  line: place.lineno + 1,
  column: place.colno + 1,
  message,
});

export function refuse(place: Place, code: TemplateErrorCode, message: string): never {
  throw new TemplateRefused(errorAt(place, code, message));
}

const NAME = /^[A-Za-z_][\w.]{0,63}$/;
/** A name of the template in a message; what doesn't look like a name may be text, and is not repeated. */
export const named = (name: unknown): string => (typeof name === 'string' && NAME.test(name) ? ` "${name}"` : '');
