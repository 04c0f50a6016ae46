import type { Fact } from '../kernel/decider.ts';
import type { Content } from '../values/content.ts';
import type { Instant } from '../values/instant.ts';
import type { JsonMembers } from '../values/mergePatch.ts';

/** Contents by canonical BCP 47 tag. */
export type LocalisedContents = { readonly [locale: string]: Content };

/** What an author works on; nothing is sent from it. */
export type Draft = {
  /** JSON Schema 2020-12 of the variables; with it, a variable that it does not name is an error when the template is published. */
  readonly variablesSchema?: JsonMembers;
  /** HTML around every e-mail's HTML, which stands where it says `{{ content }}`. */
  readonly layout?: string;
  readonly locales: LocalisedContents;
  /** The one of `locales` for people whose language has none. */
  readonly fallback: string;
};

/** `draft` counts an author's drafts from 1; it is the ETag. */
export type TemplateDrafted = Fact<
  'TemplateDrafted',
  { readonly key: string; readonly draft: number; readonly content: Draft; readonly draftedAt: Instant }
>;

/** Never changes again. Its contents are what is rendered: the layout is already around them. */
export type VersionPublished = Fact<
  'VersionPublished',
  {
    readonly key: string;
    /** From 1. */
    readonly version: number;
    /** The draft that it was made from. */
    readonly draft: number;
    readonly variablesSchema?: JsonMembers;
    readonly locales: LocalisedContents;
    readonly fallback: string;
    readonly publishedAt: Instant;
  }
>;

/** An older version is the current one again; versions in between stay. */
export type VersionRolledBack = Fact<
  'VersionRolledBack',
  { readonly key: string; readonly version: number; readonly from: number; readonly rolledBackAt: Instant }
>;

export type TemplateEvent = TemplateDrafted | VersionPublished | VersionRolledBack;
