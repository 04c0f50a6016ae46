import type { SyntaxNode } from 'nunjucks/src/parser.js';

import { refuse } from './templateError.ts';

/** Where the numbers of a loop stand, so that `loop.index` needs no object. */
export type Loop = { readonly index: number; readonly length: number };
/** The names that `for` and `set` bring, each with its slot; the template's own scope is the outermost. */
export type Scope = { readonly names: Map<string, number>; readonly loop?: Loop; readonly outer?: Scope };

/** What a compilation of one template carries along. */
export type Compilation = {
  readonly html: boolean;
  /** Cleans what an expression puts out. */
  readonly clean?: (text: string) => string;
  /** Expressions that an HTML attribute takes as a URL. */
  readonly urls: ReadonlySet<SyntaxNode>;
  /** The first use of every variable that comes from outside. */
  readonly used: Map<string, SyntaxNode>;
  scope: Scope;
  slots: number;
  depth: number;
  /** Nodes of the sequence that is being compiled, for the steps it will take. */
  nodes: number;
};

/** Every node costs stack when it runs, so how deep they nest is bounded: `a ~ b ~ c …` nests too. */
const MAX_NESTED = 250;

export function nested<T>(compilation: Compilation, node: SyntaxNode, compile: () => T): T {
  compilation.depth += 1;
  compilation.nodes += 1;
  if (compilation.depth > MAX_NESTED) refuse(node, 'template_too_deep', 'the expression is nested too deeply');
  const result = compile();
  compilation.depth -= 1;
  return result;
}

export function newSlot(compilation: Compilation): number {
  compilation.slots += 1;
  return compilation.slots - 1;
}

/** In a slot: set, to something that is not there. An empty slot means that the name still is the variable from outside. */
export const SET_TO_NOTHING = Symbol('set to nothing');

const FORBIDDEN: ReadonlySet<string> = new Set([
  '__proto__',
  'constructor',
  'prototype',
  '__defineGetter__',
  '__defineSetter__',
  '__lookupGetter__',
  '__lookupSetter__',
]);

/** Look-ups are of own properties anyway; these names are refused so that an author hears of it. */
export function checkName(node: SyntaxNode, name: string): void {
  if (FORBIDDEN.has(name)) refuse(node, 'forbidden_member', 'this name cannot be used');
}

/** Slots of a name, innermost first. */
export function slotsOf(scope: Scope, name: string): readonly number[] {
  const slots: number[] = [];
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const slot = at.names.get(name);
    if (slot !== undefined) slots.push(slot);
  }
  return slots;
}

export const loopOf = (scope: Scope): Loop | undefined => scope.loop ?? (scope.outer === undefined ? undefined : loopOf(scope.outer));
