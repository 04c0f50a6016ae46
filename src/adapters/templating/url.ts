/** RFC 3986 §3.1. */
const SCHEME = /^([a-z][a-z0-9+.-]*):/;
/** What a variable may bring along; `cid` names an inline image (RFC 2392). */
const OFFERED: ReadonlySet<string> = new Set(['http', 'https', 'mailto', 'tel', 'sms', 'cid']);
/** What runs code, holds a document of its own or reads files, wherever it comes from. */
const DENIED: ReadonlySet<string> = new Set([
  'javascript',
  'vbscript',
  'data',
  'file',
  'blob',
  'filesystem',
  'about',
  'view-source',
  'jar',
  'mhtml',
  'livescript',
  'mocha',
]);
/** Blanks at the ends, and control characters anywhere, are ignored by browsers: `java\nscript:` runs. */
const IGNORED = /[\u0000-\u0020\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+/g;

/** The scheme that a browser would see, in lower case; undefined: a relative reference. */
export function schemeOf(url: string): string | undefined {
  return SCHEME.exec(url.slice(0, 4096).replace(IGNORED, '').toLowerCase())?.[1];
}

export const isDenied = (scheme: string): boolean => DENIED.has(scheme);

/**
 * A reference that does nothing but lead somewhere: relative, or with a scheme that is offered, or with the one that the author
 * wrote (`myapp:`). Anything else becomes `#`.
 */
export function safeUrl(url: string, authors?: string): string {
  const clean = url.replace(/[\u0000-\u001f\u007f]+/g, '').trim();
  if (clean.length > 4096 && schemeOf(clean) === undefined && !/^[/?#.]/.test(clean)) return '#';
  const scheme = schemeOf(clean);
  if (scheme === undefined) return clean;
  return OFFERED.has(scheme) || scheme === authors ? clean : '#';
}
