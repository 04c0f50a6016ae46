import type { Transaction } from '../../consumers/ports.ts';
import type { Draft, VersionPublished } from '../../domain/template/events.ts';
import type { TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { pageOf, type Page, type PageRequest } from '../../domain/values/page.ts';

export type TemplateView = {
  readonly key: string;
  /** Counts the drafts: the ETag. */
  readonly draft: number;
  readonly content: Draft;
  readonly draftedAt: Instant;
  /** The version that is sent, and the newest; null: nothing has been published. */
  readonly current: number | null;
  readonly latest: number | null;
};
export type VersionContent = Pick<VersionPublished['data'], 'variablesSchema' | 'locales' | 'fallback'>;
export type VersionView = {
  readonly version: number;
  readonly draft: number;
  readonly content: VersionContent;
  readonly publishedAt: Instant;
};

const TEMPLATE = `key, draft, content, drafted_at as "draftedAt", current, latest`;
const VERSION = `version, draft, content, published_at as "publishedAt"`;

export async function templateOf(tx: Transaction, suffix: string, tenant: TenantId, key: string): Promise<TemplateView | undefined> {
  const [row] = await tx.query<TemplateView>({
    name: `template_of${suffix}`,
    text: `select ${TEMPLATE} from templates${suffix} where tenant = $1 and key = $2`,
    values: [tenant, key],
  });
  return row;
}

/** Newest first. */
export async function templatesPage(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  { limit, place }: PageRequest,
): Promise<Page<TemplateView>> {
  const rows = await tx.query<TemplateView & { readonly place: string }>({
    name: `templates_page${suffix}`,
    text: `select ${TEMPLATE}, first_position as place from templates${suffix}
      where tenant = $1 and ($2::text is null or first_position < $2) order by first_position desc limit $3`,
    values: [tenant, place ?? null, limit + 1],
  });
  const { rows: shown, next } = pageOf(rows, limit, (last) => last.place);
  return { rows: shown.map(({ place: _, ...view }) => view), next };
}

/** `version` absent: the one that is sent. Undefined: no such template or version, or nothing has been published. */
export async function versionOf(
  tx: Transaction,
  suffix: string,
  of: { readonly tenant: TenantId; readonly key: string; readonly version?: number },
): Promise<VersionView | undefined> {
  const [row] = await tx.query<VersionView>({
    name: `template_version_of${suffix}`,
    text: `select ${VERSION} from template_versions${suffix} where tenant = $1 and key = $2
      and version = coalesce($3, (select current from templates${suffix} where tenant = $1 and key = $2))`,
    values: [of.tenant, of.key, of.version ?? null],
  });
  return row;
}

/** Newest first. */
export async function versionsPage(
  tx: Transaction,
  suffix: string,
  of: { readonly tenant: TenantId; readonly key: string },
  { limit, place }: PageRequest,
): Promise<Page<VersionView>> {
  const rows = await tx.query<VersionView>({
    name: `template_versions_page${suffix}`,
    text: `select ${VERSION} from template_versions${suffix}
      where tenant = $1 and key = $2 and ($3::integer is null or version < $3) order by version desc limit $4`,
    values: [of.tenant, of.key, place ?? null, limit + 1],
  });
  return pageOf(rows, limit, (last) => String(last.version));
}
