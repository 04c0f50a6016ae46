import type { Draft } from '../../domain/template/events.ts';
import { withLayout } from '../../domain/template/layout.ts';
import type { Content } from '../../domain/values/content.ts';
import { compileContent } from './compileContent.ts';
import type { ContentError } from './compileContent.ts';
import { checkVariablesSchema, declaredVariables } from './variablesSchema.ts';

/** Paths are JSON Pointers into the draft: `/locales/de-AT/email/html`, `/layout`, `/variablesSchema/properties/x`. */
export type DraftProblem = {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly message: string;
};

/** All that keeps a draft from being published. A variable that the schema does not name is one of them, where there is a schema. */
export function checkTemplate(draft: Draft): readonly DraftProblem[] {
  const schema = (draft.variablesSchema === undefined ? [] : checkVariablesSchema(draft.variablesSchema)).map(
    ({ path, message }): DraftProblem => ({ path: `/variablesSchema${path}`, line: 1, column: 1, code: 'invalid_schema', message }),
  );
  const declared = draft.variablesSchema && declaredVariables(draft.variablesSchema);
  const layout = draft.layout === undefined ? [] : checkLayout(draft.layout, declared);
  const contents = Object.entries(draft.locales).flatMap(([locale, content]) => {
    const own = checkContent(content, declared).map((it): DraftProblem => ({ ...it, path: `/locales/${locale}${it.path}` }));
    return own.length > 0 || layout.length > 0 ? own : checkInLayout(draft, locale, declared);
  });
  return [...schema, ...layout, ...contents].slice(0, 200);
}

/** What is wrong with a content; with `declared`, also every variable that is not among them. */
export function checkContent(content: Content, declared?: ReadonlySet<string>): readonly ContentError[] {
  const compiled = compileContent(content);
  if ('errors' in compiled) return compiled.errors;
  if (declared === undefined) return [];
  return compiled.used
    .filter(({ name }) => !declared.has(name))
    .map(({ name, path, line, column }) => ({
      code: 'unknown_variable',
      path,
      line,
      column,
      message: `the schema has no variable "${name}"`,
    }));
}

/** The layout by itself: where the content goes counts as text between tags. */
function checkLayout(layout: string, declared: ReadonlySet<string> | undefined): readonly DraftProblem[] {
  const content = { email: { subject: '', html: layout, text: '' } };
  return checkContent(content, declared && new Set([...declared, 'content'])).map((it): DraftProblem => ({ ...it, path: '/layout' }));
}

/** Layout and content are right by themselves, so what is wrong now comes of both; lines count from where the layout begins. */
function checkInLayout({ layout, locales }: Draft, locale: string, declared: ReadonlySet<string> | undefined): readonly DraftProblem[] {
  const content = locales[locale];
  const inside = content && withLayout({ ...(layout === undefined ? {} : { layout }), locales: { [locale]: content } })[locale];
  return inside === undefined ? [] : checkContent(inside, declared).map((it): DraftProblem => ({ ...it, path: '/layout' }));
}
