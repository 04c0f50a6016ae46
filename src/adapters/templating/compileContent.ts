import type { Channel } from '../../domain/values/channel.ts';
import type { Content, EmailContent, InAppContent, JsonObject, PushContent } from '../../domain/values/content.ts';
import type { RenderedContent } from '../../processes/dispatch/renderer.ts';
import { escapeHtml, takeChars } from './run.ts';
import type { Piece, Run } from './run.ts';
import { compileTemplate } from './template.ts';
import type { CompiledTemplate, TemplateKind } from './template.ts';
import { errorAt } from './templateError.ts';
import type { TemplateError, TemplateErrorCode } from './templateError.ts';
import type { TagSpan } from './syntax.ts';
import { textTemplateOf, tidyText } from './textPart.ts';

/** `path`: JSON Pointer (RFC 6901) into the content. */
export type ContentError = TemplateError & { readonly path: string };
export type CompiledContent = {
  readonly channels: { readonly [Name in Channel]?: (run: Run) => RenderedContent };
  /** Variables from outside, each with every template that uses it. */
  readonly used: readonly { readonly name: string; readonly path: string; readonly line: number; readonly column: number }[];
};

type Parts = { readonly errors: ContentError[]; readonly used: CompiledContent['used'][number][]; count: number; tags: number };
/** Templates in one content, and the tags of all of them: the event loop compiles it in one go. */
const MAX_PARTS = 5_000;
const MAX_TAGS = 10_000;

/** Compiles everything a content holds, by channel. Never throws for what an author wrote: all errors, not the first. */
export function compileContent(content: Content): CompiledContent | { readonly errors: readonly ContentError[] } {
  const parts: Parts = { errors: [], used: [], count: 0, tags: 0 };
  const { email, sms, push, in_app, webhook, wallet } = content;
  const channels = {
    ...(email === undefined ? {} : { email: compileEmail(parts, email) }),
    ...(sms === undefined ? {} : { sms: compileSms(parts, sms.text) }),
    ...(push === undefined ? {} : { push: compilePush(parts, push) }),
    ...(in_app === undefined ? {} : { in_app: compileInApp(parts, in_app) }),
    ...(webhook === undefined ? {} : { webhook: compileBody(parts, 'webhook', '/webhook/body', webhook.body) }),
    ...(wallet === undefined ? {} : { wallet: compileBody(parts, 'wallet', '/wallet', wallet) }),
  };
  return parts.errors.length > 0 ? { errors: parts.errors } : { channels, used: parts.used };
}

const nothing = (): string => '';

function part(parts: Parts, path: string, kind: TemplateKind, source: string): Piece {
  const compiled = template(parts, path, kind, source);
  return compiled === undefined ? nothing : at(path, compiled);
}

/** Says where, should the budget end here. */
const at =
  (path: string, compiled: CompiledTemplate): Piece =>
  (run) => {
    run.path = path;
    return compiled.render(run);
  };

function template(parts: Parts, path: string, kind: TemplateKind, source: string): CompiledTemplate | undefined {
  parts.count += 1;
  if (parts.count > MAX_PARTS) {
    if (parts.count === MAX_PARTS + 1) refused(parts, path, 'template_too_large', `a content has at most ${MAX_PARTS} templates`);
    return undefined;
  }
  if (parts.tags > MAX_TAGS) return undefined;
  const compiled = compileTemplate(source, kind);
  if ('errors' in compiled) {
    parts.errors.push(...compiled.errors.map((error) => ({ ...error, path })));
    return undefined;
  }
  parts.tags += compiled.tags.length;
  if (parts.tags > MAX_TAGS) refused(parts, path, 'template_too_large', `a content has at most ${MAX_TAGS} tags in all its templates`);
  for (const [name, { lineno, colno }] of compiled.used) parts.used.push({ name, path, line: lineno + 1, column: colno + 1 });
  return compiled;
}

function optional(parts: Parts, path: string, kind: TemplateKind, source: string | undefined): Piece | undefined {
  return source === undefined ? undefined : part(parts, path, kind, source);
}

const refused = (parts: Parts, path: string, code: TemplateErrorCode, message: string): void => {
  parts.errors.push({ ...errorAt({ lineno: 0, colno: 0 }, code, message), path });
};

function compileEmail(parts: Parts, email: EmailContent): (run: Run) => RenderedContent {
  const subject = part(parts, '/email/subject', 'line', email.subject);
  const from = optional(parts, '/email/from', 'address', email.from);
  const replyTo = optional(parts, '/email/replyTo', 'address', email.replyTo);
  const headers = compileHeaders(parts, email.headers ?? {});
  const compiled = email.html === undefined ? undefined : template(parts, '/email/html', 'html', email.html);
  const html = compileHtml(parts, email, compiled);
  const text = optional(parts, '/email/text', 'text', email.text) ?? (compiled && derivedText(parts, email.html ?? '', compiled.tags));
  return (run) => ({
    channel: 'email',
    subject: subject(run),
    ...(html === undefined ? {} : { html: html(run) }),
    ...(text === undefined ? {} : { text: text(run) }),
    ...(from === undefined ? {} : { from: from(run) }),
    ...(replyTo === undefined ? {} : { replyTo: replyTo(run) }),
    headers: Object.fromEntries(headers.map(([name, value]) => [name, value(run)])),
  });
}

/** RFC 5322 field names, without those that say who it is from and to, how it is coded, or that are ours to set. */
const HEADER = /^(?!(?:from|to|cc|bcc|subject|sender|reply-to|return-path|received|date|message-id|mime-version|dkim-signature|feedback-id|list-unsubscribe(?:-post)?)$|content-|resent-|arc-)[a-z0-9-]{1,64}$/i; // prettier-ignore

function compileHeaders(parts: Parts, headers: { readonly [name: string]: string }): readonly (readonly [string, Piece])[] {
  return Object.entries(headers).map(([name, value], index) => {
    if (!HEADER.test(name)) refused(parts, '/email/headers', 'forbidden_header', `the header number ${index + 1} cannot be set`);
    return [name, part(parts, `/email/headers/${pointer(name)}`, 'line', value)];
  });
}

const pointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

function compileHtml(parts: Parts, email: EmailContent, compiled: CompiledTemplate | undefined): Piece | undefined {
  const preheader = optional(parts, '/email/preheader', 'line', email.preheader);
  if (compiled === undefined) return undefined;
  const html = at('/email/html', compiled);
  if (preheader === undefined) return html;
  return (run) => {
    const hidden = escapeHtml(preheader(run));
    takeChars(run, hidden.length + HIDDEN.length);
    return withPreheader(
      html(run),
      HIDDEN.replace('…', () => hidden),
    );
  };
}

const HIDDEN = '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">…</div>';

/** First thing in the body; where no body is written, first thing of all. */
function withPreheader(html: string, hidden: string): string {
  const body = html.search(/<body[\s>]/i);
  const at = body === -1 ? 0 : endOfTag(html, body);
  return html.slice(0, at) + hidden + html.slice(at);
}

function endOfTag(html: string, from: number): number {
  let quote = '';
  for (let at = from; at < html.length; at += 1) {
    const char = html.charAt(at);
    if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === '>') return at + 1;
  }
  return 0;
}

function derivedText(parts: Parts, html: string, tags: readonly TagSpan[]): Piece | undefined {
  const source = textTemplateOf(html, tags);
  const compiled = source === undefined ? undefined : compileTemplate(source, 'text');
  if (compiled === undefined || 'errors' in compiled) {
    refused(parts, '/email/text', 'text_not_derivable', 'no text part can be made from this HTML: write one');
    return undefined;
  }
  const text = at('/email/text', compiled);
  return (run) => tidyText(text(run));
}

function compileSms(parts: Parts, source: string): (run: Run) => RenderedContent {
  const text = part(parts, '/sms/text', 'text', source);
  return (run) => ({ channel: 'sms', text: text(run) });
}

/** A link that would run something is left out. */
function linked(link: Piece | undefined, run: Run): { readonly url?: string } {
  const url = link?.(run) ?? '';
  return url === '' || url === '#' ? {} : { url };
}

function compilePush(parts: Parts, push: PushContent): (run: Run) => RenderedContent {
  const title = part(parts, '/push/title', 'line', push.title);
  const body = part(parts, '/push/body', 'text', push.body);
  const url = optional(parts, '/push/url', 'link', push.url);
  const data = push.data === undefined ? undefined : compileJson(parts, '/push/data', push.data);
  return (run) => ({
    channel: 'push',
    title: title(run),
    body: body(run),
    ...linked(url, run),
    ...(data === undefined ? {} : { data: objectOf(data(run)) }),
  });
}

const objectOf = (value: unknown): JsonObject => (typeof value === 'object' && value !== null ? { ...value } : {});

function compileInApp(parts: Parts, inApp: InAppContent): (run: Run) => RenderedContent {
  const title = part(parts, '/in_app/title', 'line', inApp.title);
  const body = part(parts, '/in_app/body', 'text', inApp.body);
  const url = optional(parts, '/in_app/url', 'link', inApp.url);
  const actions = (inApp.actions ?? []).map((action, i) => ({
    label: part(parts, `/in_app/actions/${i}/label`, 'line', action.label),
    url: part(parts, `/in_app/actions/${i}/url`, 'link', action.url),
  }));
  return (run) => ({
    channel: 'in_app',
    title: title(run),
    body: body(run),
    ...linked(url, run),
    actions: actions.map((action) => ({ label: action.label(run), url: action.url(run) })),
  });
}

function compileBody(parts: Parts, channel: 'webhook' | 'wallet', path: string, json: unknown): (run: Run) => RenderedContent {
  const body = compileJson(parts, path, json);
  return (run) => ({ channel, body: body(run) });
}

const MAX_JSON_DEPTH = 32;

/** JSON whose strings are templates; what holds none is handed on as it is. */
function compileJson(parts: Parts, path: string, json: unknown): (run: Run) => unknown {
  if (path.split('/').length > MAX_JSON_DEPTH) {
    refused(parts, path, 'template_too_deep', `at most ${MAX_JSON_DEPTH} levels`);
    return nothing;
  }
  if (typeof json === 'string') return part(parts, path, 'text', json);
  if (Array.isArray(json)) {
    const items = json.map((item: unknown, i) => compileJson(parts, `${path}/${i}`, item));
    return (run) => items.map((item) => item(run));
  }
  if (typeof json !== 'object' || json === null) return () => json;
  const members = Object.entries(json).map(([name, value]) => [name, compileJson(parts, `${path}/${pointer(name)}`, value)] as const);
  return (run) => Object.fromEntries(members.map(([name, value]) => [name, value(run)]));
}
