import type { SyntaxNode } from 'nunjucks/src/parser.js';
import { DATA, readHtml } from './htmlScan.ts';
import type { HtmlPlace } from './htmlScan.ts';
import { errorAt } from './templateError.ts';
import type { TemplateError, TemplateErrorCode } from './templateError.ts';
import { isDenied, schemeOf } from './url.ts';

type Lint = { readonly urls: Set<SyntaxNode>; readonly errors: TemplateError[] };

const URL_ATTRIBUTES: ReadonlySet<string> = new Set([
  'href', 'src', 'action', 'formaction', 'background', 'poster', 'cite', 'data', 'xlink:href', 'longdesc', 'manifest', 'codebase', 'ping', 'dynsrc', 'lowsrc', 'icon',
]); // prettier-ignore

/**
 * What escaping can't make safe, found where a template is compiled: expressions in markup, in unquoted attributes, in scripts, in
 * handlers, and at the start of a URL. Those URLs are named in `urls`, to be checked when they are rendered.
 */
export function lintHtml(root: SyntaxNode): { readonly urls: ReadonlySet<SyntaxNode>; readonly errors: readonly TemplateError[] } {
  const lint: Lint = { urls: new Set(), errors: [] };
  fragment(lint, root, ['data', 'raw', 'lessThan']);
  return lint;
}

function report(lint: Lint, node: SyntaxNode, code: TemplateErrorCode, message: string): void {
  if (lint.errors.length < 50) lint.errors.push(errorAt(node, code, message));
}

/** A template or the body of a `set`: begins and ends between tags. */
function fragment(lint: Lint, body: SyntaxNode, ends: readonly HtmlPlace['in'][]): void {
  const end = walk(lint, body, { ...DATA });
  if (!ends.includes(end.in) && lint.errors.length === 0) {
    report(lint, body, 'unbalanced_markup', 'a tag, an attribute or a comment is not closed');
  }
}

function walk(lint: Lint, body: SyntaxNode | null | undefined, place: HtmlPlace): HtmlPlace {
  let at = place;
  for (const node of body?.children ?? []) {
    if (node.typename === 'Output') output(lint, node, at);
    else if (node.typename === 'If') at = branches(lint, node, settled(at));
    else if (node.typename === 'For') at = loop(lint, node, settled(at));
    else if (isNode(node.body?.body)) fragment(lint, node.body.body, ['data']);
  }
  return at;
}

function output(lint: Lint, node: SyntaxNode, place: HtmlPlace): void {
  for (const child of node.children ?? []) {
    if (child.typename === 'TemplateData') readHtml(place, String(child.value));
    else expression(lint, child, place);
  }
}

const isNode = (it: SyntaxNode | null | undefined): it is SyntaxNode => it !== null && it !== undefined;

/** A block ends a tag's or an attribute's name: `<td{% if wide %} colspan="2"{% endif %}>`. */
const settled = (place: HtmlPlace): HtmlPlace =>
  ['tagName', 'name', 'afterName'].includes(place.in) ? { ...place, in: 'beforeName' } : place;

function branches(lint: Lint, node: SyntaxNode, place: HtmlPlace): HtmlPlace {
  const ends: HtmlPlace[] = [];
  let at: SyntaxNode | null | undefined = node;
  for (; at?.typename === 'If'; at = at.else_) ends.push(settled(walk(lint, at.body, { ...place })));
  ends.push(at === null || at === undefined ? place : settled(walk(lint, at, { ...place })));
  return ends.reduce((one, other) => merged(lint, node, one, other));
}

function loop(lint: Lint, node: SyntaxNode, place: HtmlPlace): HtmlPlace {
  if (place.in === 'value' && isUrl(place))
    report(lint, node, 'unsafe_url', 'a URL is not made by a loop: set it before, and use the name');
  const end = merged(lint, node, place, settled(walk(lint, node.body, { ...place })));
  return node.else_ === null || node.else_ === undefined ? end : merged(lint, node, end, settled(walk(lint, node.else_, { ...place })));
}

/** Branches must leave the markup at the same place; of a URL the less settled state counts. */
function merged(lint: Lint, node: SyntaxNode, one: HtmlPlace, other: HtmlPlace): HtmlPlace {
  if (!isSamePlace(one, other)) {
    report(lint, node, 'unbalanced_markup', 'what a block opens (a tag, an attribute, a quote) it must also close');
    return one;
  }
  if (one.in === 'value' && one.url !== other.url) return lessSettled(one, other);
  return one.seen.length <= other.seen.length ? one : other;
}

function isSamePlace(one: HtmlPlace, other: HtmlPlace): boolean {
  if (one.in !== other.in) return false;
  if (one.in === 'data') return true;
  return one.tag === other.tag && (one.in !== 'value' || (one.quote === other.quote && one.attribute === other.attribute));
}

function lessSettled(one: HtmlPlace, other: HtmlPlace): HtmlPlace {
  if (one.url === 'open' || other.url === 'open') return { ...one, url: 'open', seen: '' };
  return one.url === 'start' ? one : other;
}

const isUrl = (place: HtmlPlace): boolean => URL_ATTRIBUTES.has(place.attribute);

function expression(lint: Lint, node: SyntaxNode, place: HtmlPlace): void {
  if (place.in === 'value') attribute(lint, node, place);
  else if (place.in === 'beforeValue') report(lint, node, 'unquoted_attribute', 'put the attribute in quotes: name="{{ value }}"');
  else if (place.in === 'raw' && place.tag === 'script') report(lint, node, 'unsafe_attribute', 'no expressions in scripts');
  else if (!['data', 'comment', 'raw'].includes(place.in))
    report(lint, node, 'dynamic_markup', 'expressions stand between tags or in quoted attributes');
  if (place.in !== 'value') place.seen = '';
}

/** Of SVG: what such an element sets another attribute to, a link as well. */
const ANIMATION = /^(?:set|animate)/;
const ANIMATED: ReadonlySet<string> = new Set(['to', 'from', 'by', 'values']);
const runs = ({ tag, attribute: name }: HtmlPlace): boolean =>
  name.startsWith('on') || name === 'srcdoc' || (ANIMATION.test(tag) && ANIMATED.has(name));

function attribute(lint: Lint, node: SyntaxNode, place: HtmlPlace): void {
  if (place.quote === '') report(lint, node, 'unquoted_attribute', `put the attribute in quotes: name="{{ value }}"`);
  else if (runs(place)) report(lint, node, 'unsafe_attribute', 'no expressions in attributes that run code');
  else if (place.tag === 'meta' && /url\s*=/i.test(place.seen)) report(lint, node, 'unsafe_url', 'no expressions in a page that forwards');
  else if (isUrl(place)) url(lint, node, place);
}

/** `/path`, `?query`, `#fragment`, or a scheme: from there on nothing changes where a URL leads in kind. */
const LEADS = /^\s*(?:[/?#]|[^:/?#&]*\/)/;

function url(lint: Lint, node: SyntaxNode, place: HtmlPlace): void {
  if (place.url === 'settled') return;
  if (place.url === 'start' && place.seen.trim() === '') {
    lint.urls.add(node);
    Object.assign(place, { url: 'open', seen: '' });
    return;
  }
  const fault = place.url === 'open' ? faultOfRest(place.seen) : faultOfLead(place.seen);
  if (fault !== undefined) report(lint, node, 'unsafe_url', fault);
  place.url = 'settled';
}

const faultOfRest = (rest: string): string | undefined =>
  /^[/?#]/.test(rest) ? undefined : 'one expression gives the whole start of a URL: {{ base ~ path }}, or {{ base }}/…';

function faultOfLead(lead: string): string | undefined {
  const scheme = schemeOf(lead);
  if (scheme === undefined) return LEADS.test(lead) ? undefined : 'begin the URL with a scheme, a / or one expression';
  return isDenied(scheme) ? 'no expressions in a URL of this scheme' : undefined;
}
