import type { DraftResult, templateCommands, TemplateRefusal, VersionResult } from '../../commands/templates.ts';
import { present } from '../../domain/kernel/present.ts';
import { templateOf, templatesPage, versionsPage } from '../../projections/templates/queries.ts';
import type { TemplateView, VersionView } from '../../projections/templates/queries.ts';
import { operation, plain } from '../operation.ts';
import type { Operation, Reply } from '../operation.ts';
import type { Reads } from '../ports.ts';
import { isRefusal, refuse } from '../problems.ts';
import type { Refusal } from '../problems.ts';
import { DraftSaved, Published, RollbackRequest, TemplateDraft, TemplatePage, TemplateShown, VersionPage } from '../schemas/template.ts';
import { KeyParams, PageQuery } from '../schemas/values.ts';

export type TemplateRoutePorts = { readonly commands: ReturnType<typeof templateCommands>; readonly reads: Reads };

const tag = 'Templates';
const reads = ['templates'];
const path = '/v1/templates/{key}';
export const noTemplate = (): Refusal => refuse('template_not_found', 'There is no template of this key.');

function answerOfDraft(key: string, outcome: DraftResult | TemplateRefusal): Reply {
  if (isRefusal(outcome)) return outcome;
  const { draft, content, created, position } = outcome;
  const body = { key, draft, fallback: content.fallback, locales: Object.keys(content.locales) };
  return { status: created ? 201 : 200, body, revision: draft, ...present({ position }) };
}
function answerOfVersion(key: string, outcome: VersionResult | TemplateRefusal): Reply {
  if (isRefusal(outcome)) return outcome;
  const { current, latest, draft, position } = outcome;
  return { status: 200, body: { key, current, latest, draft }, ...present({ position }) };
}
const templateView = ({ key, draft, content, draftedAt, current, latest }: TemplateView): object => ({
  key,
  ...content,
  draft,
  updatedAt: draftedAt,
  current,
  latest,
});
const versionView = ({ version, draft, content, publishedAt }: VersionView): object => ({ version, draft, ...content, publishedAt });
const published = { 200: { description: 'The version that is sent from now on.', schema: Published } } as const;

/** What is said, in which language: drafts, versions, and which of them is sent. */
export const templateRoutes = ({ commands, reads: read }: TemplateRoutePorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'putTemplate',
    method: 'put',
    path,
    tag,
    summary: 'Save a draft; nothing is sent from it before it is published',
    scope: 'manage',
    conditional: true,
    params: KeyParams,
    body: TemplateDraft,
    responses: { 200: { description: 'Saved.', schema: DraftSaved }, 201: { description: 'The first draft.', schema: DraftSaved } },
    handler: async ({ caller, params: { key }, body, ifMatch }) => answerOfDraft(key, await commands.draft(caller, key, body, ifMatch)),
  }),
  operation({
    ...plain,
    id: 'getTemplate',
    method: 'get',
    path,
    tag,
    summary: 'The draft, and which version is sent',
    scope: 'read',
    reads,
    params: KeyParams,
    responses: { 200: { description: 'The draft.', schema: TemplateShown } },
    handler: async ({ access: { tenant }, params: { key } }) => {
      const found = await read.read(tenant, 'templates', (tx, suffix) => templateOf(tx, suffix, tenant, key));
      return found === undefined ? noTemplate() : { status: 200, body: templateView(found), revision: found.draft };
    },
  }),
  operation({
    ...plain,
    id: 'listTemplates',
    method: 'get',
    path: '/v1/templates',
    tag,
    summary: 'Templates, newest first',
    scope: 'read',
    reads,
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: TemplatePage } },
    handler: async ({ access: { tenant }, query: { limit }, place }) => {
      const { rows, next } = await read.read(tenant, 'templates', (tx, suffix) =>
        templatesPage(tx, suffix, tenant, { limit, ...present({ place }) }),
      );
      return { status: 200, page: { data: rows.map(templateView), next } };
    },
  }),
  operation({
    ...plain,
    id: 'publishTemplate',
    method: 'post',
    path: `${path}/publish`,
    tag,
    summary: 'Make a version of the draft and send that from now on',
    description: 'The draft is compiled and checked first; all that keeps it from being published comes back with its place.',
    scope: 'manage',
    params: KeyParams,
    responses: published,
    handler: async ({ caller, params: { key } }) => answerOfVersion(key, await commands.publish(caller, key)),
  }),
  operation({
    ...plain,
    id: 'rollBackTemplate',
    method: 'post',
    path: `${path}/rollback`,
    tag,
    summary: 'Send an older version again',
    scope: 'manage',
    params: KeyParams,
    body: RollbackRequest,
    responses: published,
    handler: async ({ caller, params: { key }, body: { version } }) => answerOfVersion(key, await commands.rollBack(caller, key, version)),
  }),
  operation({
    ...plain,
    id: 'listTemplateVersions',
    method: 'get',
    path: `${path}/versions`,
    tag,
    summary: 'Published versions, newest first',
    scope: 'read',
    reads,
    params: KeyParams,
    query: PageQuery,
    responses: { 200: { description: 'A page.', schema: VersionPage } },
    handler: async ({ access: { tenant }, params: { key }, query: { limit }, place }) => {
      const found = await read.read(tenant, 'templates', async (tx, suffix) =>
        (await templateOf(tx, suffix, tenant, key)) === undefined
          ? undefined
          : versionsPage(tx, suffix, { tenant, key }, { limit, ...present({ place }) }),
      );
      return found === undefined ? noTemplate() : { status: 200, page: { data: found.rows.map(versionView), next: found.next } };
    },
  }),
];
