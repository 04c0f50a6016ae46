/** HTML that is safe to send: made by `html`, in which every value is escaped. */
export type Html = { readonly text: string; readonly isHtml: true };
export type HtmlValue = string | number | Html | undefined | null | false | readonly HtmlValue[];

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '`': '&#96;' };
/** For text and for attributes in quotes. */
export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"'`]/g, (char) => ENTITIES[char] ?? char);

const isMarkup = (value: Exclude<HtmlValue, undefined | null | false>): value is Html => typeof value === 'object' && 'isHtml' in value;

function rendered(value: HtmlValue): string {
  if (value === undefined || value === null || value === false) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  return isMarkup(value) ? value.text : value.map(rendered).join('');
}

/** A page in pieces: `html\`<p title="${title}">${rows}</p>\`` escapes `title` and text in `rows`, and joins markup and lists as they are. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const text = parts.reduce((sum, part, place) => sum + part + (place < values.length ? rendered(values[place]) : ''), '');
  return { text, isHtml: true };
}
