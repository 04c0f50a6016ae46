import type { SyntaxNode } from 'nunjucks/src/parser.js';
import { compileExpression } from './expressions.ts';
import { filterOf } from './filters.ts';
import { escapeHtml, halt, Markup, takeChars, takeSteps, textOf, truthy } from './run.ts';
import type { Evaluate, Piece, Run } from './run.ts';
import { checkName, newSlot, nested, SET_TO_NOTHING, slotsOf } from './scope.ts';
import type { Compilation, Scope } from './scope.ts';
import { refuse } from './templateError.ts';

/** Turns a list of statements into one closure; text between expressions is joined beforehand. @throws TemplateRefused */
export function compileBody(compilation: Compilation, body: SyntaxNode | null | undefined): Piece {
  const before = compilation.nodes;
  const leads: string[] = [];
  const pieces: Piece[] = [];
  let text = '';
  const add = (piece: Piece): void => {
    leads.push(text);
    pieces.push(piece);
    text = '';
  };
  for (const node of body?.children ?? []) {
    if (node.typename !== 'Output') {
      add(nested(compilation, node, () => compileStatement(compilation, node)));
      continue;
    }
    for (const child of node.children ?? []) {
      if (child.typename === 'TemplateData') text += String(child.value);
      else add(output(compilation, child));
    }
  }
  const steps = compilation.nodes - before + 1;
  // What nests in here takes its own steps when it runs.
  compilation.nodes = before + 1;
  return sequence({ leads, pieces, tail: text, steps });
}

type Sequence = { readonly leads: readonly string[]; readonly pieces: readonly Piece[]; readonly tail: string; readonly steps: number };

function sequence({ leads, pieces, tail, steps }: Sequence): Piece {
  const chars = leads.reduce((sum, lead) => sum + lead.length, tail.length);
  const take = (run: Run): void => {
    run.steps -= steps;
    run.chars -= chars;
    if (run.steps < 0 || run.chars < 0) halt();
  };
  const [piece] = pieces;
  const [lead = ''] = leads;
  if (piece === undefined) {
    return (run) => {
      take(run);
      return tail;
    };
  }
  if (pieces.length === 1) {
    return (run) => {
      take(run);
      return lead + piece(run) + tail;
    };
  }
  const { length } = pieces;
  return (run) => {
    take(run);
    let text = '';
    for (let i = 0; i < length; i += 1) text += (leads[i] ?? '') + (pieces[i]?.(run) ?? '');
    return text + tail;
  };
}

function output(compilation: Compilation, node: SyntaxNode): Piece {
  const compiled = compileExpression(compilation, node);
  const url = compilation.urls.has(node) ? filterOf('url', true) : undefined;
  const evaluate: Evaluate = url === undefined ? compiled : (run) => url.apply(run, compiled(run));
  const clean = compilation.html ? escapeHtml : compilation.clean;
  if (clean === undefined) {
    return (run) => {
      const value = evaluate(run);
      const text = typeof value === 'string' ? value : textOf(run, value);
      takeChars(run, text.length);
      return text;
    };
  }
  return (run) => {
    const value = evaluate(run);
    const text = typeof value === 'string' ? value : textOf(run, value);
    if (text.length > run.chars) halt();
    const cleaned = value instanceof Markup ? text : clean(text);
    takeChars(run, cleaned.length);
    return cleaned;
  };
}

function compileStatement(compilation: Compilation, node: SyntaxNode): Piece {
  if (node.typename === 'If') return branches(compilation, node);
  if (node.typename === 'For') return loop(compilation, node);
  if (node.typename === 'Set') return assignment(compilation, node);
  return refuse(node, 'unsupported', 'this statement does not exist in templates');
}

/** `elif` nests in the tree; a list of branches keeps the stack flat. */
function branches(compilation: Compilation, node: SyntaxNode): Piece {
  const conditions: Evaluate[] = [];
  const bodies: Piece[] = [];
  let at: SyntaxNode | null | undefined = node;
  for (; at?.typename === 'If'; at = at.else_) {
    conditions.push(compileExpression(compilation, at.cond));
    bodies.push(compileBody(compilation, at.body));
  }
  const otherwise = at === null || at === undefined ? (): string => '' : compileBody(compilation, at);
  return (run) => {
    for (let i = 0; i < conditions.length; i += 1) {
      if (truthy(conditions[i]?.(run))) return bodies[i]?.(run) ?? '';
    }
    return otherwise(run);
  };
}

function assignment(compilation: Compilation, node: SyntaxNode): Piece {
  const value =
    node.body === null || node.body === undefined ? compileExpression(compilation, valueOf(node)) : capture(compilation, node.body);
  const targets = (node.targets ?? []).map((target) => {
    if (target.typename !== 'Symbol') refuse(target, 'unsupported', 'only a plain name can be set');
    const name = String(target.value);
    checkName(target, name);
    const own = compilation.scope.names.get(name) ?? declare(compilation, compilation.scope, name);
    return { own, slots: slotsOf(compilation.scope, name) };
  });
  return (run) => {
    const it = value(run);
    for (const { own, slots } of targets) {
      // Where the name is set already, further out, that is what changes; else it begins here.
      const slot = slots.find((at) => run.slots[at] !== undefined) ?? own;
      run.slots[slot] = it === undefined ? SET_TO_NOTHING : it;
    }
    return '';
  };
}

const valueOf = (node: SyntaxNode): SyntaxNode | undefined =>
  typeof node.value === 'object' && node.value !== null ? (node.value as SyntaxNode) : undefined;

function declare(compilation: Compilation, scope: Scope, name: string): number {
  const slot = newSlot(compilation);
  scope.names.set(name, slot);
  return slot;
}

/** What a `{% set x %}…{% endset %}` holds is markup in HTML: its parts were escaped when it was made. */
function capture(compilation: Compilation, node: SyntaxNode): Evaluate {
  const body = compileBody(compilation, node.body);
  return compilation.html ? (run) => new Markup(body(run)) : body;
}

/** Names that a loop's body sets: a value set in one round is still there in the next, also before it is set again. */
function assigned(body: SyntaxNode | null | undefined): readonly string[] {
  if (body === null || body === undefined) return [];
  if (body.typename === 'If') return [...assigned(body.body), ...assigned(body.else_)];
  if (body.typename === 'Set') return (body.targets ?? []).map((target) => String(target.value));
  return body.typename === 'NodeList' ? (body.children ?? []).flatMap(assigned) : [];
}

type Iteration = { readonly run: Run; readonly length: number; readonly bind: (index: number) => void };

function loop(compilation: Compilation, node: SyntaxNode): Piece {
  const source = compileExpression(compilation, node.arr);
  const outer = compilation.scope;
  const index = newSlot(compilation);
  const length = newSlot(compilation);
  const scope: Scope = { names: new Map(), loop: { index, length }, outer };
  compilation.scope = scope;
  const names = node.name?.typename === 'Array' ? (node.name.children ?? []) : [node.name];
  const slots = names.map((name) => {
    if (name?.typename !== 'Symbol') return refuse(node, 'unsupported', 'a loop binds plain names');
    checkName(name, String(name.value));
    return declare(compilation, scope, String(name.value));
  });
  for (const name of assigned(node.body)) if (!scope.names.has(name)) declare(compilation, scope, name);
  const body = compileBody(compilation, node.body);
  const otherwise = node.else_ === null || node.else_ === undefined ? undefined : compileBody(compilation, node.else_);
  compilation.scope = outer;
  const own = [...scope.names.values()];
  const bindings = slots.length === 1 ? oneName(slots[0] ?? 0) : manyNames(slots);

  const iterate = ({ run, length: count, bind }: Iteration): string => {
    let text = '';
    run.slots[length] = count;
    for (let i = 0; i < count; i += 1) {
      run.slots[index] = i;
      bind(i);
      text += body(run);
    }
    return text;
  };
  return (run) => {
    for (const slot of own) run.slots[slot] = undefined;
    const { count, bind } = bindings(run, source(run));
    return count === 0 && otherwise !== undefined ? otherwise(run) : iterate({ run, length: count, bind });
  };
}

type Bindings = (run: Run, value: unknown) => { readonly count: number; readonly bind: (index: number) => void };
const NONE = { count: 0, bind: (): void => undefined };

/** `for item in …`: elements of a list, characters of a text. */
const oneName =
  (slot: number): Bindings =>
  (run, value) => {
    const items: readonly unknown[] | string =
      value instanceof Markup ? value.text : typeof value === 'string' || Array.isArray(value) ? value : [];
    return { count: items.length, bind: (i) => void (run.slots[slot] = items[i]) };
  };

/** `for a, b in …`: the parts of each element of a list, or names and values of an object. */
const manyNames =
  (slots: readonly number[]): Bindings =>
  (run, value) => {
    if (typeof value !== 'object' || value === null || value instanceof Markup) return NONE;
    const rows: readonly unknown[] = Array.isArray(value) ? value : Object.entries(value);
    if (!Array.isArray(value)) takeSteps(run, rows.length);
    return {
      count: rows.length,
      bind: (i) => {
        const row = rows[i];
        for (const [place, slot] of slots.entries()) run.slots[slot] = Array.isArray(row) ? row[place] : undefined;
      },
    };
  };
