import { assertNever } from '../kernel/assertNever.ts';
import { canonicalJson } from '../kernel/canonicalJson.ts';
import type { Decider, Decision } from '../kernel/decider.ts';
import { preconditionHolds, type IfVersion } from '../kernel/precondition.ts';
import { reject } from '../kernel/rejection.ts';
import type { Instant } from '../values/instant.ts';
import { canonicalLocale } from '../values/locale.ts';
import type { Draft, TemplateEvent } from './events.ts';
import { hasOnePlace, withLayout } from './layout.ts';

/** What compiling found wrong; `path` is a JSON Pointer into the draft (`/locales/en/email/html`), lines and columns count from 1. */
export type Problem = { readonly path: string; readonly line: number; readonly column: number; readonly code: string };

type Of = { readonly key: string; readonly now: Instant };
export type TemplateCommand =
  | { readonly type: 'DraftTemplate'; readonly data: Of & { readonly content: Draft; readonly ifVersion?: IfVersion } }
  /** `draft` is the one that was compiled and gave these problems: another one may have been saved since. */
  | { readonly type: 'PublishVersion'; readonly data: Of & { readonly draft: number; readonly problems: readonly Problem[] } }
  | { readonly type: 'RollBackVersion'; readonly data: Of & { readonly version: number } };
export type TemplateCode =
  | 'invalid_locale'
  | 'fallback_missing'
  | 'invalid_layout'
  | 'precondition_failed'
  | 'template_not_found'
  | 'draft_changed'
  | 'template_invalid'
  | 'version_not_found';

/** `current` is the version that is sent, `latest` the newest; `publishedAs` is the present draft's version, if it has one. */
export type Template =
  | { readonly status: 'absent' }
  | { readonly status: 'drafted'; readonly draft: number; readonly content: Draft }
  | {
      readonly status: 'published';
      readonly draft: number;
      readonly content: Draft;
      readonly latest: number;
      readonly current: number;
      readonly publishedAs?: number;
    };

type Decided = Decision<TemplateEvent, TemplateCode>;
type DataOf<Type extends TemplateCommand['type']> = Extract<TemplateCommand, { type: Type }>['data'];

function draft({ key, now, content, ifVersion }: DataOf<'DraftTemplate'>, state: Template): Decided {
  const before = state.status === 'absent' ? 0 : state.draft;
  if (!preconditionHolds(ifVersion, before, before > 0))
    return reject('precondition_failed', 'the draft has changed since it was read; read it again and repeat the change');
  const unwritten = Object.keys(content.locales).find((locale) => canonicalLocale(locale) !== locale);
  if (unwritten !== undefined) return reject('invalid_locale', 'name locales by canonical BCP 47 tags, such as en or de-AT', '/locales');
  if (!Object.hasOwn(content.locales, content.fallback))
    return reject('fallback_missing', 'the fallback has to be one of the locales', '/fallback');
  if (content.layout !== undefined && !hasOnePlace(content.layout))
    return reject('invalid_layout', 'a layout says {{ content }} once, where the HTML goes', '/layout');
  if (state.status !== 'absent' && canonicalJson(state.content) === canonicalJson(content)) return [];
  return [{ type: 'TemplateDrafted', data: { key, draft: before + 1, content, draftedAt: now } }];
}

function publish(command: DataOf<'PublishVersion'>, state: Template): Decided {
  if (state.status === 'absent') return reject('template_not_found', 'draft the template first: PUT /v1/templates/{key}');
  if (command.draft !== state.draft) return reject('draft_changed', 'the draft was changed while it was checked; publish again');
  const [first] = command.problems;
  if (first !== undefined) return reject('template_invalid', sentenceOf(command.problems), first.path);
  if (state.status === 'published' && state.publishedAs !== undefined && state.publishedAs === state.current) return [];
  const { variablesSchema, fallback } = state.content;
  const content = { ...(variablesSchema === undefined ? {} : { variablesSchema }), locales: withLayout(state.content), fallback };
  const version = state.status === 'published' ? state.latest + 1 : 1;
  return [{ type: 'VersionPublished', data: { key: command.key, version, draft: state.draft, ...content, publishedAt: command.now } }];
}

const sentenceOf = (problems: readonly Problem[]): string =>
  `correct the draft: ${problems
    .slice(0, 20)
    .map(({ path, line, column, code }) => `${path} ${line}:${column} ${code}`)
    .join(', ')}`;

function rollBack({ key, now, version }: DataOf<'RollBackVersion'>, state: Template): Decided {
  if (state.status !== 'published') return reject('template_not_found', 'nothing of this template has been published yet');
  if (!Number.isInteger(version) || version < 1 || version > state.latest)
    return reject('version_not_found', 'there is no such version; GET …/versions lists them', '/version');
  if (version === state.current) return [];
  return [{ type: 'VersionRolledBack', data: { key, version, from: state.current, rolledBackAt: now } }];
}

function decide({ type, data }: TemplateCommand, state: Template): Decided {
  switch (type) {
    case 'DraftTemplate':
      return draft(data, state);
    case 'PublishVersion':
      return publish(data, state);
    case 'RollBackVersion':
      return rollBack(data, state);
  }
}

function evolve(state: Template, event: TemplateEvent): Template {
  switch (event.type) {
    case 'TemplateDrafted': {
      const { draft: number, content } = event.data;
      if (state.status !== 'published') return { status: 'drafted', draft: number, content };
      return { status: 'published', draft: number, content, latest: state.latest, current: state.current };
    }
    case 'VersionPublished': {
      const { version, draft: number } = event.data;
      if (state.status === 'absent') return state;
      return { ...state, status: 'published', draft: number, latest: version, current: version, publishedAs: version };
    }
    case 'VersionRolledBack':
      return state.status === 'published' ? { ...state, current: event.data.version } : state;
    default:
      return assertNever(event);
  }
}

/** What is said in which language: drafts, immutable versions, and which of them is sent. */
export const template: Decider<TemplateCommand, Template, TemplateEvent, TemplateCode> = {
  initial: () => ({ status: 'absent' }),
  decide,
  evolve,
};
