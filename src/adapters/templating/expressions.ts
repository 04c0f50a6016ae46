import type { SyntaxNode } from 'nunjucks/src/parser.js';
import { filterOf } from './filters.ts';
import { alike, concat, numberOf, order, plus, same, TESTS, within } from './operators.ts';
import { ownOf, truthy } from './run.ts';
import type { Evaluate, Run } from './run.ts';
import { checkName, loopOf, nested, SET_TO_NOTHING, slotsOf } from './scope.ts';
import type { Compilation } from './scope.ts';
import { named, refuse } from './templateError.ts';

type Compile = (compilation: Compilation, node: SyntaxNode) => Evaluate;

/** Turns an expression of nunjucks' tree into a closure. What isn't in this table does not exist. @throws TemplateRefused */
export function compileExpression(compilation: Compilation, node: SyntaxNode | null | undefined): Evaluate {
  if (node === null || node === undefined) refuse({ lineno: 0, colno: 0 }, 'syntax', 'an expression is empty');
  const compile = EXPRESSIONS.get(node.typename);
  if (compile === undefined) {
    if (node.typename === 'FunCall') refuse(node, 'unsupported', 'calls do not exist in templates; there are filters');
    refuse(node, 'unsupported', 'this kind of expression does not exist in templates');
  }
  return nested(compilation, node, () => compile(compilation, node));
}

const literal: Compile = (_compilation, node) => {
  const { value } = node;
  if (typeof value === 'object' && value !== null) refuse(node, 'unsupported', 'regular expressions do not exist in templates');
  return () => value;
};

const symbol: Compile = (compilation, node) => {
  const name = String(node.value);
  checkName(node, name);
  if (name === 'loop' && loopOf(compilation.scope) !== undefined)
    refuse(node, 'unsupported', 'of a loop there are index, index0, first, last and length');
  const slots = slotsOf(compilation.scope, name);
  if (slots.length > 0) return (run) => slotted(run, slots, name);
  if (!compilation.used.has(name)) compilation.used.set(name, node);
  return (run) => ownOf(run.variables, name);
};

function slotted(run: Run, slots: readonly number[], name: string): unknown {
  for (const slot of slots) {
    const value = run.slots[slot];
    if (value !== undefined) return value === SET_TO_NOTHING ? undefined : value;
  }
  return ownOf(run.variables, name);
}

const LOOP: { readonly [member: string]: (index: number, length: number) => unknown } = {
  index: (index) => index + 1,
  index0: (index) => index,
  revindex: (index, length) => length - index,
  revindex0: (index, length) => length - index - 1,
  first: (index) => index === 0,
  last: (index, length) => index === length - 1,
  length: (_index, length) => length,
};

function loopMember(compilation: Compilation, node: SyntaxNode, key: string | number): Evaluate | undefined {
  const loop = loopOf(compilation.scope);
  if (loop === undefined || node.target?.typename !== 'Symbol' || node.target.value !== 'loop') return undefined;
  const read = Object.hasOwn(LOOP, key) ? LOOP[key] : undefined;
  if (read === undefined) refuse(node, 'unsupported', 'of a loop there are index, index0, revindex, revindex0, first, last and length');
  return (run) => read(Number(run.slots[loop.index]), Number(run.slots[loop.length]));
}

const member: Compile = (compilation, node) => {
  const key = node.val?.typename === 'Literal' ? node.val.value : undefined;
  if (typeof key !== 'string' && !(typeof key === 'number' && Number.isInteger(key))) {
    refuse(node, 'computed_member', 'a member is named by a literal: a.b, a["b"] or a[0]');
  }
  if (typeof key === 'string') checkName(node, key);
  const ofLoop = loopMember(compilation, node, key);
  if (ofLoop !== undefined) return ofLoop;
  const target = compileExpression(compilation, node.target);
  return (run) => ownOf(target(run), key);
};

const filter: Compile = (compilation, node) => {
  const name = String(node.name?.value);
  const found = filterOf(name, compilation.html);
  if (found === undefined) refuse(node, 'unknown_filter', `the filter${named(name)} does not exist`);
  const [subject, ...rest] = node.args?.children ?? [];
  if (rest.some((it) => it.typename === 'KeywordArgs')) refuse(node, 'filter_arguments', 'arguments are given by place, not by name');
  if (rest.length < found.min || rest.length > found.max) {
    refuse(
      node,
      'filter_arguments',
      `the filter${named(name)} takes ${found.min === found.max ? found.min : `${found.min} to ${found.max}`} arguments`,
    );
  }
  const value = compileExpression(compilation, subject);
  const args = rest.map((it) => compileExpression(compilation, it));
  if (args.length === 0) return (run) => found.apply(run, value(run));
  return (run) => found.apply(run, value(run), ...args.map((it) => it(run)));
};

const group: Compile = (compilation, node) => {
  if (node.children?.length !== 1) refuse(node, 'unsupported', 'brackets hold one expression');
  return compileExpression(compilation, node.children[0]);
};

const list: Compile = (compilation, node) => {
  const items = (node.children ?? []).map((it) => compileExpression(compilation, it));
  return (run) => items.map((it) => it(run));
};

const dict: Compile = (compilation, node) => {
  const pairs = (node.children ?? []).map((pair) => {
    const key = pair.key?.typename === 'Symbol' || pair.key?.typename === 'Literal' ? pair.key.value : undefined;
    if (typeof key !== 'string' && typeof key !== 'number') refuse(pair, 'computed_member', 'a key is a name or a literal');
    checkName(pair, String(key));
    return [String(key), compileExpression(compilation, asNode(pair.value))] as const;
  });
  return (run) => Object.fromEntries(pairs.map(([key, value]) => [key, value(run)]));
};

const asNode = (value: unknown): SyntaxNode | undefined =>
  typeof value === 'object' && value !== null ? (value as SyntaxNode) : undefined;

const binary =
  (apply: (run: Run, left: unknown, right: unknown) => unknown): Compile =>
  (compilation, node) => {
    const left = compileExpression(compilation, node.left);
    const right = compileExpression(compilation, node.right);
    return (run) => apply(run, left(run), right(run));
  };
const arithmetic = (apply: (left: number, right: number) => number): Compile =>
  binary((_run, left, right) => apply(numberOf(left), numberOf(right)));

const and: Compile = (compilation, node) => {
  const left = compileExpression(compilation, node.left);
  const right = compileExpression(compilation, node.right);
  return (run) => {
    const value = left(run);
    return truthy(value) ? right(run) : value;
  };
};
const or: Compile = (compilation, node) => {
  const left = compileExpression(compilation, node.left);
  const right = compileExpression(compilation, node.right);
  return (run) => {
    const value = left(run);
    return truthy(value) ? value : right(run);
  };
};

const unary =
  (apply: (value: unknown) => unknown): Compile =>
  (compilation, node) => {
    const target = compileExpression(compilation, node.target);
    return (run) => apply(target(run));
  };

const test: Compile = (compilation, node) => {
  const name = node.right?.typename === 'Literal' && node.right.value === null ? 'null' : node.right?.value;
  const found = typeof name === 'string' && node.right?.typename !== 'LookupVal' ? TESTS.get(name) : undefined;
  if (found === undefined) refuse(node, 'unsupported', `the test${named(name)} does not exist`);
  const left = compileExpression(compilation, node.left);
  return (run) => found(left(run));
};

const COMPARISONS: { readonly [operator: string]: (run: Run, left: unknown, right: unknown) => boolean } = {
  '==': alike,
  '===': same,
  '!=': (run, left, right) => !alike(run, left, right),
  '!==': (run, left, right) => !same(run, left, right),
  '<': (run, left, right) => order(run, left, right) < 0,
  '>': (run, left, right) => order(run, left, right) > 0,
  '<=': (run, left, right) => order(run, left, right) <= 0,
  '>=': (run, left, right) => order(run, left, right) >= 0,
};

/** `a < b < c` means `(a < b) < c`, as in nunjucks. */
const compare: Compile = (compilation, node) => {
  const first = compileExpression(compilation, node.expr);
  return (node.ops ?? []).reduce<Evaluate>((left, operand) => {
    const apply = COMPARISONS[operand.type ?? ''];
    if (apply === undefined) refuse(operand, 'unsupported', 'this comparison does not exist in templates');
    const right = compileExpression(compilation, operand.expr);
    return (run) => apply(run, left(run), right(run));
  }, first);
};

const inlineIf: Compile = (compilation, node) => {
  const condition = compileExpression(compilation, node.cond);
  const yes = compileExpression(compilation, node.body);
  const no: Evaluate = node.else_ === null || node.else_ === undefined ? () => '' : compileExpression(compilation, node.else_);
  return (run) => (truthy(condition(run)) ? yes(run) : no(run));
};

const EXPRESSIONS: ReadonlyMap<string, Compile> = new Map([
  ['Literal', literal],
  ['Symbol', symbol],
  ['LookupVal', member],
  ['Filter', filter],
  ['Group', group],
  ['Array', list],
  ['Dict', dict],
  ['And', and],
  ['Or', or],
  ['Not', unary((value) => !truthy(value))],
  ['Neg', unary((value) => -numberOf(value))],
  ['Pos', unary(numberOf)],
  ['Is', test],
  ['In', binary(within)],
  ['Compare', compare],
  ['InlineIf', inlineIf],
  ['Concat', binary(concat)],
  ['Add', binary(plus)],
  ['Sub', arithmetic((a, b) => a - b)],
  ['Mul', arithmetic((a, b) => a * b)],
  ['Div', arithmetic((a, b) => a / b)],
  ['FloorDiv', arithmetic((a, b) => Math.floor(a / b))],
  ['Mod', arithmetic((a, b) => a % b)],
  ['Pow', arithmetic((a, b) => a ** b)],
]);
