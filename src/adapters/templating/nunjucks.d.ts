// The two parts of nunjucks 3.2.4 that are used: its lexer and its parser. Neither loads its compiler, its runtime or a file.
declare module 'nunjucks/src/lexer.js' {
  export type Token = { readonly type: string; readonly value: unknown; readonly lineno: number; readonly colno: number };
  export type Tokenizer = {
    nextToken(): Token | null;
    readonly tags: { readonly [name: string]: string };
    /** Characters read so far. */
    readonly index: number;
  };
  const lexer: { readonly lex: (source: string) => Tokenizer };
  export default lexer;
}

declare module 'nunjucks/src/parser.js' {
  import type { Token } from 'nunjucks/src/lexer.js';

  /** Which members there are depends on `typename`. Lines and columns count from 0. */
  export type SyntaxNode = {
    readonly typename: string;
    readonly lineno: number;
    readonly colno: number;
    readonly children?: readonly SyntaxNode[];
    /** A literal's value, a symbol's name; of a Set or Pair a node. */
    readonly value?: unknown;
    readonly key?: SyntaxNode;
    readonly target?: SyntaxNode;
    readonly targets?: readonly SyntaxNode[];
    readonly val?: SyntaxNode | null;
    readonly left?: SyntaxNode;
    readonly right?: SyntaxNode;
    readonly cond?: SyntaxNode;
    readonly body?: SyntaxNode | null;
    readonly else_?: SyntaxNode | null;
    readonly arr?: SyntaxNode;
    readonly name?: SyntaxNode;
    readonly args?: SyntaxNode;
    /** Of a Compare: `CompareOperand`s. */
    readonly ops?: readonly SyntaxNode[];
    readonly expr?: SyntaxNode;
    readonly type?: string;
  };
  type TokenStream = { nextToken(): Token | null; readonly tags: { readonly [name: string]: string } };
  const parser: { readonly Parser: new (tokens: TokenStream) => { parseAsRoot(): SyntaxNode } };
  export default parser;
}
