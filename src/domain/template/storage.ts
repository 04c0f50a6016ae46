import { count, firstVersion, instant, json, list, optional, record, shape, text } from '../kernel/schema.ts';
import type { StorageOf } from '../kernel/storage.ts';
import type { TemplateEvent } from './events.ts';

const push = shape({ title: text, body: text, url: optional(text), data: optional(record(json)) });
const content = shape({
  email: optional(
    shape({
      subject: text,
      preheader: optional(text),
      html: optional(text),
      text: optional(text),
      from: optional(text),
      replyTo: optional(text),
      headers: optional(record(text)),
    }),
  ),
  sms: optional(shape({ text })),
  push: optional(push),
  in_app: optional(shape({ title: text, body: text, url: optional(text), actions: optional(list(shape({ label: text, url: text }))) })),
  webhook: optional(shape({ body: json })),
  wallet: optional(record(json)),
});
const contents = { variablesSchema: optional(record(json)), locales: record(content), fallback: text };

/** How the events of a template are stored; what authors write for everyone is no person's. */
export const templateStorage = {
  TemplateDrafted: firstVersion(
    shape({ key: text, draft: count, content: shape({ ...contents, layout: optional(text) }), draftedAt: instant }),
  ),
  VersionPublished: firstVersion(shape({ key: text, version: count, draft: count, ...contents, publishedAt: instant })),
  VersionRolledBack: firstVersion(shape({ key: text, version: count, from: count, rolledBackAt: instant })),
} satisfies StorageOf<TemplateEvent>;
