import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Content } from '../../domain/values/content.ts';
import type { RenderedContent, Renderer, RenderFailure, RenderRequest } from '../../processes/dispatch/renderer.ts';
import { compileContent } from './compileContent.ts';
import type { CompiledContent, ContentError } from './compileContent.ts';
import { localeOr, zoneOr } from './formats.ts';
import { BudgetExceeded, MAX_CHARS, MAX_STEPS } from './run.ts';
import type { Run } from './run.ts';

type Compiled = CompiledContent | { readonly errors: readonly ContentError[] };

/** Characters of content whose closures are kept; a closure takes some ten times its source. */
const KEPT_CHARS = 20_000_000;

/**
 * Renders in this process, synchronously. Compiled contents are kept by the object they came from, and by digest for those that
 * come again as another object. They hold no data, so tenants that wrote the same share them.
 */
export function createRenderer(): Renderer {
  const byObject = new WeakMap<Content, Compiled>();
  const byDigest = new LRUCache<string, Compiled>({ max: 5_000, maxSize: KEPT_CHARS });

  function compiledOf(content: Content): Compiled {
    const known = byObject.get(content);
    if (known !== undefined) return known;
    const text = JSON.stringify(content);
    const digest = createHash('sha256').update(text).digest('base64url');
    const compiled = byDigest.get(digest) ?? compileContent(content);
    byDigest.set(digest, compiled, { size: text.length });
    byObject.set(content, compiled);
    return compiled;
  }

  return { render: (request) => renderCompiled(compiledOf(request.content), request) };
}

/** One rendering of one channel, within one budget. */
function renderCompiled(compiled: Compiled, request: Omit<RenderRequest, 'content'>): RenderedContent | RenderFailure {
  if ('errors' in compiled) {
    const [first] = compiled.errors;
    return {
      failed: 'template_invalid',
      path: first?.path ?? '',
      detail: first === undefined ? '' : `${first.code} at ${first.line}:${first.column}`,
    };
  }
  const render = compiled.channels[request.channel];
  if (render === undefined)
    return { failed: 'content_missing', path: `/${request.channel}`, detail: 'the content has nothing for this channel' };
  const run: Run = {
    variables: request.variables,
    slots: [],
    steps: MAX_STEPS,
    chars: MAX_CHARS,
    path: '',
    locale: localeOr(request.locale),
    timeZone: zoneOr(request.timeZone),
  };
  try {
    return render(run);
  } catch (thrown) {
    if (!(thrown instanceof BudgetExceeded)) throw thrown;
    return {
      failed: 'template_budget_exceeded',
      path: run.path,
      detail: `over ${MAX_STEPS} steps or ${MAX_CHARS} characters with these variables`,
    };
  }
}
