import { present } from '../domain/kernel/present.ts';
import { reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { Terms, Variables } from '../domain/values/message.ts';
import { settleTerms, type Settled, type TermsCode } from '../domain/policy/terms.ts';
import { channelsOf } from '../domain/values/content.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { MessageInput } from './notificationInput.ts';
import type { CatalogueView, NotificationPorts, TemplateFacts } from './notificationPorts.ts';

/** How a message is treated, and what its variables must satisfy. */
export type SettledMessage = { readonly terms: Omit<Terms, 'mode'>; readonly schemas: readonly object[] };
type Problems = { readonly problems: readonly Rejection[] };

/** Asks the catalogue and the template; everything that is wrong with the message is told at once. */
export async function settleMessage(ports: NotificationPorts, tenant: TenantId, input: MessageInput): Promise<SettledMessage | Problems> {
  const view = await ports.catalogues.viewOf(tenant);
  const type = view.type(input.type);
  const template = await templateOf(ports, tenant, input, type?.template);
  const problems = [...templateProblems(template, input), ...contentProblems(ports, input)];
  const terms = settleTerms(input, {
    type,
    categoryClass: view.categoryClass,
    unknownTypes: view.unknownTypes,
    contentChannels: input.content === undefined ? (template.facts?.channels ?? []) : channelsOf(input.content),
    now: ports.clock.now(),
  });
  if (isWrong(terms) || problems.length > 0)
    return { problems: [...problems, ...(isWrong(terms) ? withoutFollowing(terms, template, input) : [])] };
  return {
    terms: { ...terms, ...(await hashed(ports, tenant, input)), ...templateTerms(template) },
    schemas: schemasOf(type, template.facts),
  };
}

const isWrong = (it: Settled | readonly Rejection<TermsCode>[]): it is readonly Rejection<TermsCode>[] => Array.isArray(it);

/** Which channels an unknown template has something for is not known: `content_required` would be the same fault told twice. */
const withoutFollowing = (
  wrong: readonly Rejection<TermsCode>[],
  { key, facts }: Chosen,
  { content }: MessageInput,
): readonly Rejection<TermsCode>[] =>
  key !== undefined && facts === undefined && content === undefined
    ? wrong.filter(({ rejected }) => rejected !== 'content_required')
    : wrong;

type Chosen = { readonly key?: string; readonly facts?: TemplateFacts };

async function templateOf(
  { templates }: NotificationPorts,
  tenant: TenantId,
  { template, content }: MessageInput,
  declared: string | undefined,
): Promise<Chosen> {
  // What the request brings to say takes the place of the type's template; a template that it names itself must exist.
  const key = template?.key ?? (content === undefined ? declared : undefined);
  if (key === undefined) return {};
  const facts = await templates.find(tenant, key, template?.version);
  return facts === undefined ? { key } : { key, facts };
}

const templateProblems = ({ key, facts }: Chosen, { template }: MessageInput): readonly Rejection[] =>
  key === undefined || facts !== undefined
    ? []
    : [
        reject(
          'unknown_template',
          'publish a template of this key first (POST /v1/templates/{key}/publish), or correct key and version',
          template === undefined ? '/type' : '/template',
        ),
      ];

const contentProblems = (ports: NotificationPorts, { content }: MessageInput): readonly Rejection[] =>
  content === undefined
    ? []
    : ports.checkContent(content).map(({ path, message }) => reject('template_invalid', message, `/content${path}`));

const templateTerms = ({ key, facts }: Chosen): Pick<Terms, 'template'> =>
  key === undefined || facts === undefined ? {} : { template: { key, version: facts.version } };

/** The caller's own names for things are kept as keyed hashes. */
async function hashed(
  { indexes }: NotificationPorts,
  tenant: TenantId,
  { key, dedup, context }: MessageInput,
): Promise<Pick<Terms, 'key' | 'dedup' | 'source'>> {
  const [[keyHash], [dedupHash]] = await Promise.all([
    key === undefined ? [] : indexes.hash(tenant, 'key', [key]),
    dedup === undefined ? [] : indexes.hash(tenant, 'dedup', [dedup.key]),
  ]);
  return present({
    key: keyHash,
    dedup: dedup === undefined || dedupHash === undefined ? undefined : { key: dedupHash, windowMs: dedup.windowMs },
    source: context?.source,
  });
}

const schemasOf = (type: ReturnType<CatalogueView['type']>, facts: TemplateFacts | undefined): readonly object[] =>
  [type?.variablesSchema, facts?.variablesSchema].filter((it) => it !== undefined);

/** Characters of a detail: it is recorded with the request. */
const MOST_TOLD = 500;

/** Variables are checked as each person gets them: the shared ones overlaid by their own. */
export function variablesRefusal(
  { checkVariables }: NotificationPorts,
  { schemas }: SettledMessage,
  variables: Variables,
): Rejection | undefined {
  const wrong = schemas.flatMap((schema) => checkVariables(schema, variables));
  if (wrong.length === 0) return undefined;
  const told = wrong.map(({ path, message }) => `variables${path}: ${message}`).join('; ');
  return reject('invalid_variables', told.slice(0, MOST_TOLD));
}
