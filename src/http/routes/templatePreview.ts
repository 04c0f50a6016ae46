import type { Static } from 'typebox';
import type { Acceptance, AcceptRequest } from '../../commands/acceptance.ts';
import type { Subjects, Vault } from '../../commands/ports.ts';
import { present } from '../../domain/kernel/present.ts';
import { localeChain } from '../../domain/policy/locale.ts';
import type { Profile } from '../../domain/recipient/events.ts';
import type { LocalisedContents } from '../../domain/template/events.ts';
import { withLayout } from '../../domain/template/layout.ts';
import { channelsOf } from '../../domain/values/content.ts';
import type { Content } from '../../domain/values/content.ts';
import type { TenantId } from '../../domain/values/ids.ts';
import { recipientOf } from '../../projections/recipients/queries.ts';
import { templateOf, versionOf } from '../../projections/templates/queries.ts';
import { recipientIn } from '../notificationBody.ts';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { isKnown, subjectOf } from '../people.ts';
import type { Previewer, Reads } from '../ports.ts';
import { isRefusal, refuse } from '../problems.ts';
import type { Refusal } from '../problems.ts';
import { NotificationAccepted } from '../schemas/acceptance.ts';
import { Preview, PreviewRequest, TestRequest } from '../schemas/template.ts';
import { KeyParams } from '../schemas/values.ts';
import { answerOfAcceptance } from '../verdicts.ts';
import { acceptRequestOf } from './notifications.ts';
import { noRecipient } from './recipients.ts';
import { noTemplate } from './templates.ts';

export type TemplatePreviewPorts = {
  readonly reads: Reads;
  readonly people: Pick<Subjects, 'find'>;
  readonly vault: Vault;
  readonly previewer: Previewer;
  readonly accept: (requests: readonly AcceptRequest[]) => Promise<readonly Acceptance[]>;
};

const tag = 'Templates';
/** Type and category of a test: nobody's consent or preference is asked for a message that an author sends to try it. */
const TEST = { type: 'template_test', category: 'transactional' } as const;

type Source = { readonly locales: LocalisedContents; readonly fallback: string; readonly version: number | null };

async function sourceOf(read: Reads, tenant: TenantId, key: string, version: number | undefined): Promise<Source | Refusal> {
  return read.read(tenant, 'templates', async (tx, suffix) => {
    const template = await templateOf(tx, suffix, tenant, key);
    if (template === undefined) return noTemplate();
    if (version === undefined) return { locales: withLayout(template.content), fallback: template.content.fallback, version: null };
    const published = await versionOf(tx, suffix, { tenant, key, version });
    if (published === undefined)
      return refuse('version_not_found', 'There is no such version; GET …/versions lists them.', { path: '/version' });
    return { locales: published.content.locales, fallback: published.content.fallback, version };
  });
}

type Person = { readonly locale?: string; readonly timeZone?: string; readonly variables: { readonly [name: string]: unknown } };

/** A person's own particulars, as the renderer gets them when a message goes to them. */
async function personOf(
  { reads: read, people, vault }: TemplatePreviewPorts,
  tenant: TenantId,
  recipientId: string | undefined,
): Promise<Person | Refusal> {
  if (recipientId === undefined) return { variables: {} };
  const subject = await subjectOf(people, tenant, recipientId);
  if (!isKnown(subject)) return noRecipient();
  const row = await read.read(tenant, 'recipients', (tx, suffix) => recipientOf(tx, suffix, tenant, subject));
  if (row === undefined) return noRecipient();
  const [profile] = await vault.open<Profile>([row.profile]);
  if (profile === undefined || profile === 'erased') return noRecipient();
  const { name, attributes, locale, timeZone } = profile.value;
  return { variables: { recipient: { name, ...attributes } }, ...present({ locale, timeZone }) };
}

/** The content in the first language of the person's chain that the template has. */
function localised(
  { locales, fallback }: Source,
  wanted: string | undefined,
): { readonly locale: string; readonly content: Content } | undefined {
  for (const locale of localeChain(wanted ?? fallback, fallback)) {
    const content = locales[locale];
    if (content !== undefined) return { locale, content };
  }
  return undefined;
}

function rendered(previewer: Previewer, content: Content, person: Person, locale: string): object {
  const results = channelsOf(content).map((channel) => ({
    channel,
    result: previewer.render({ content, channel, variables: person.variables, locale, ...present({ timeZone: person.timeZone }) }),
  }));
  return {
    channels: Object.fromEntries(results.flatMap(({ channel, result }) => ('failed' in result ? [] : [[channel, result]]))),
    failures: results.flatMap(({ channel, result }) =>
      'failed' in result ? [{ channel, code: result.failed, path: result.path, detail: result.detail }] : [],
    ),
  };
}

async function preview(
  ports: TemplatePreviewPorts,
  tenant: TenantId,
  key: string,
  { recipientId, variables, locale, version }: Static<typeof PreviewRequest>,
): Promise<object | Refusal> {
  const [source, person] = await Promise.all([sourceOf(ports.reads, tenant, key, version), personOf(ports, tenant, recipientId)]);
  if (isRefusal(source)) return source;
  if (isRefusal(person)) return person;
  const chosen = localised(source, locale ?? person.locale);
  if (chosen === undefined) return refuse('fallback_missing', 'The fallback is no locale of this template: save a draft that has it.');
  const told = { ...person, variables: { ...person.variables, ...variables } };
  return { locale: chosen.locale, version: source.version, ...rendered(ports.previewer, chosen.content, told, chosen.locale) };
}

/** Trying a template out before anybody gets it. */
export const templatePreviewRoutes = (ports: TemplatePreviewPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'previewTemplate',
    method: 'post',
    path: '/v1/templates/{key}/preview',
    tag,
    summary: 'What each channel would say, with these variables or to this person',
    description: 'With `recipientId`, what comes back holds that person’s particulars, so the key needs the scope `pii` too.',
    scope: 'read',
    params: KeyParams,
    body: PreviewRequest,
    bodyOptional: true,
    responses: { 200: { description: 'Rendered; nothing is sent.', schema: Preview } },
    handler: async ({ access: { tenant, scopes }, params: { key }, body }) => {
      if (body.recipientId !== undefined && !scopes.has('pii'))
        return refuse('missing_scope', 'Use a key that has the scope pii too, or leave recipientId out.');
      const result = await preview(ports, tenant, key, body);
      return isRefusal(result) ? result : { status: 200, body: result };
    },
  }),
  operation({
    ...plain,
    id: 'testTemplate',
    method: 'post',
    path: '/v1/templates/{key}/test',
    tag,
    summary: 'Send a published version to somebody, to see it arrive',
    scope: 'send',
    idempotent: true,
    params: KeyParams,
    body: TestRequest,
    responses: { 202: { description: 'Accepted.', schema: NotificationAccepted } },
    handler: async (call) => {
      const { recipient, variables, version, channels } = call.body;
      const request = acceptRequestOf(call, {
        ...TEST,
        template: { key: call.params.key, ...present({ version }) },
        recipients: [recipientIn(recipient)],
        ...present({ variables, channels }),
      });
      const [outcome] = await ports.accept([request]);
      if (outcome === undefined) return refuse('unavailable', 'Try again, with the same Idempotency-Key.');
      // Elsewhere a body names the template; here it is the path.
      return 'problems' in outcome && outcome.problems.some(({ rejected: code }) => code === 'unknown_template')
        ? refuse('template_not_found', 'Nothing is published under this key and version: publish the template first, or correct them.')
        : answerOfAcceptance(outcome);
    },
  }),
];
