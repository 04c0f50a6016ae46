import type { Content } from '../values/content.ts';
import type { Draft, LocalisedContents } from './events.ts';

const PLACE = /\{\{-?\s*content\s*-?\}\}/g;

/** Whether a layout says exactly once where the content goes. */
export const hasOnePlace = (layout: string): boolean => [...layout.matchAll(PLACE)].length === 1;

/** The draft's contents as they are rendered: e-mails' HTML inside the layout. */
export function withLayout({ layout, locales }: Pick<Draft, 'layout' | 'locales'>): LocalisedContents {
  if (layout === undefined) return locales;
  return Object.fromEntries(Object.entries(locales).map(([locale, content]) => [locale, inside(layout, content)]));
}

function inside(layout: string, content: Content): Content {
  const html = content.email?.html;
  if (content.email === undefined || html === undefined) return content;
  return { ...content, email: { ...content.email, html: layout.replace(PLACE, () => html) } };
}
