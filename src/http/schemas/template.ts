import { Type } from 'typebox';
import { VariablesSchema } from './catalogue.ts';
import { ChannelContents } from './content.ts';
import { Channels } from './notification.ts';
import { answer, closed, InstantOut, JsonObject, Locale, nullable, page, RecipientId, TemplateVersion, told } from './values.ts';
import type { Content } from '../../domain/values/content.ts';

const Locales = Type.Unsafe<Readonly<Record<string, Content>>>({
  type: 'object',
  minProperties: 1,
  maxProperties: 100,
  propertyNames: Locale,
  additionalProperties: ChannelContents,
  description: 'Contents by language (BCP 47).',
});
const draft = {
  variablesSchema: Type.Optional(VariablesSchema),
  layout: Type.Optional(
    Type.String({ minLength: 1, maxLength: 500_000, description: 'HTML around every e-mail, with `{{ content }}` where it goes.' }),
  ),
  locales: Locales,
  fallback: Locale,
};
export const TemplateDraft = closed(draft, {
  title: 'TemplateDraft',
  examples: [
    {
      fallback: 'en',
      locales: {
        en: { email: { subject: 'Order {{ orderNumber }} is on its way', html: '<p>Hello {{ recipient.name }}.</p>' } },
        de: { email: { subject: 'Bestellung {{ orderNumber }} ist unterwegs', html: '<p>Hallo {{ recipient.name }}.</p>' } },
      },
    },
  ],
});
export const TemplateShown = answer('Template', {
  key: Type.String(),
  ...draft,
  draft: Type.Integer({ description: 'Counts the drafts; it is the ETag.' }),
  updatedAt: InstantOut,
  current: nullable(Type.Integer({ description: 'The version that is sent.' })),
  latest: nullable(Type.Integer()),
});
export const TemplatePage = page('TemplatePage', TemplateShown);
export const DraftSaved = answer('DraftSaved', {
  key: Type.String(),
  draft: Type.Integer(),
  fallback: Type.String(),
  locales: Type.Array(Type.String()),
});
export const Published = answer('Published', {
  key: Type.String(),
  current: Type.Integer(),
  latest: Type.Integer(),
  draft: Type.Integer(),
});
export const RollbackRequest = closed({ version: TemplateVersion }, { title: 'RollbackRequest' });
const VersionShown = answer('TemplateVersion', {
  version: Type.Integer(),
  draft: Type.Integer(),
  variablesSchema: Type.Optional(VariablesSchema),
  locales: Locales,
  fallback: Type.String(),
  publishedAt: InstantOut,
});
export const VersionPage = page('TemplateVersionPage', VersionShown);

export const PreviewRequest = closed(
  {
    variables: Type.Optional(JsonObject),
    recipientId: Type.Optional(RecipientId),
    locale: Type.Optional(Locale),
    version: Type.Optional(told(TemplateVersion, 'Absent: the draft.')),
  },
  { title: 'PreviewRequest' },
);
export const Preview = answer('Preview', {
  locale: Type.String(),
  version: nullable(Type.Integer()),
  channels: Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()), { description: 'What each channel would say.' }),
  failures: Type.Array(closed({ channel: Type.String(), code: Type.String(), path: Type.String(), detail: Type.String() })),
});

/** Sends a published version to somebody, as it would be sent. */
export const TestRequest = closed(
  {
    recipient: Type.Unsafe<string | { email?: string; phone?: string; recipientId?: string }>({
      type: ['string', 'object'],
      minLength: 1,
      maxLength: 256,
      properties: {
        recipientId: RecipientId,
        email: { type: 'string', minLength: 1, maxLength: 512 },
        phone: { type: 'string', minLength: 1, maxLength: 64 },
      },
      minProperties: 1,
      additionalProperties: false,
    }),
    variables: Type.Optional(JsonObject),
    version: Type.Optional(TemplateVersion),
    channels: Type.Optional(Channels),
  },
  { title: 'TestRequest' },
);
