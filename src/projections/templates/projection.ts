import type { Projection, Transaction } from '../../consumers/ports.ts';
import { eventsOf } from '../../domain/kernel/eventsOf.ts';
import type { Draft, TemplateEvent, VersionPublished } from '../../domain/template/events.ts';
import { templateStorage } from '../../domain/template/storage.ts';
import { Rows } from '../rows.ts';
import { upsert } from '../upsert.ts';

type TemplateRow = {
  tenant: string;
  key: string;
  draft: number;
  content: Draft;
  drafted_at: string;
  current: number;
  latest: number;
  first_position: string;
  position: string;
};
type VersionRow = {
  tenant: string;
  key: string;
  version: number;
  draft: number;
  content: Pick<VersionPublished['data'], 'variablesSchema' | 'locales' | 'fallback'>;
  published_at: string;
};

const templateEvents = eventsOf<TemplateEvent>(templateStorage);

/** `templates`: the draft and which version is sent; `template_versions`: what never changes again. Nothing in them is personal. */
export const templatesProjection: Projection = {
  name: 'templates',
  version: 1,
  nouns: ['template'],
  facts: false,
  tables: ['templates', 'template_versions'],
  schema: (suffix) => `
    create table templates${suffix} (
      tenant text collate "C" not null,
      key text collate "C" not null,
      draft integer,
      content json,
      drafted_at timestamptz,
      -- The version that is sent; null: nothing has been published.
      current integer,
      latest integer,
      first_position text collate "C",
      position text collate "C" not null,
      primary key (tenant, key)
    );
    create index templates${suffix}_newest on templates${suffix} (tenant, first_position desc);
    comment on table templates${suffix} is 'Drafts of templates, and which version is sent.';
    select tidings_protect('templates${suffix}');
    create table template_versions${suffix} (
      tenant text collate "C" not null,
      key text collate "C" not null,
      version integer not null,
      draft integer not null,
      content json not null,
      published_at timestamptz not null,
      primary key (tenant, key, version)
    );
    comment on table template_versions${suffix} is 'Published versions of templates.';
    select tidings_protect('template_versions${suffix}');`,
  apply: async (recorded, tx, suffix) => {
    const templates = new Rows<TemplateRow>();
    const versions = new Rows<VersionRow>();
    for (const { event, meta, position } of templateEvents(recorded)) {
      const of = { tenant: meta.tenantId, key: event.data.key };
      const key = `${of.tenant} ${of.key}`;
      switch (event.type) {
        case 'TemplateDrafted': {
          const { draft, content, draftedAt } = event.data;
          const first = draft === 1 ? { first_position: position } : {};
          templates.set(key, { ...of, draft, content, drafted_at: draftedAt, ...first, position });
          break;
        }
        case 'VersionPublished': {
          const { key: _, version, draft, publishedAt, ...content } = event.data;
          templates.set(key, { ...of, current: version, latest: version, position });
          versions.set(`${key} ${String(version)}`, { ...of, version, draft, content, published_at: publishedAt });
          break;
        }
        case 'VersionRolledBack':
          templates.set(key, { ...of, current: event.data.version, position });
          break;
      }
    }
    if (templates.size > 0) await writeTemplates(tx, suffix, templates);
    if (versions.size > 0) await writeVersions(tx, suffix, versions);
  },
};

const writeTemplates = (tx: Transaction, suffix: string, rows: Rows<TemplateRow>) =>
  tx.query({
    text: upsert(
      `templates${suffix}`,
      'tenant text, key text, draft integer, content json, drafted_at timestamptz, current integer, latest integer, ' +
        'first_position text, position text',
      { key: ['tenant', 'key'], first: ['first_position'], absent: 'stays' },
    ),
    values: [rows.json()],
  });

const writeVersions = (tx: Transaction, suffix: string, rows: Rows<VersionRow>) =>
  tx.query({
    text: `insert into template_versions${suffix} (tenant, key, version, draft, content, published_at)
      select tenant, key, version, draft, content, published_at
      from json_to_recordset($1) as r (tenant text, key text, version integer, draft integer, content json, published_at timestamptz)
      on conflict do nothing`,
    values: [rows.json()],
  });
