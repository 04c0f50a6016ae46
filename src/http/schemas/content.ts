import { Type } from 'typebox';
import { closed, JsonObject } from './values.ts';

/** What is said, by channel: the shapes of `domain/values/content.ts` with their limits. Every string is a template. */
const Line = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[^\\r\\n]*$', 'x-message': 'must be a single line, and not empty' });
const HeaderName = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}$";

const EmailBody = {
  html: Type.String({ minLength: 1, maxLength: 500_000 }),
  text: Type.String({ minLength: 1, maxLength: 200_000 }),
};
const SubjectLine = Line(998);

export const EmailContent = closed(
  {
    subject: SubjectLine,
    preheader: Type.Optional(Line(500)),
    html: Type.Optional(EmailBody.html),
    text: Type.Optional(EmailBody.text),
    from: Type.Optional(Line(320)),
    replyTo: Type.Optional(Line(320)),
    headers: Type.Optional(
      Type.Unsafe<{ readonly [name: string]: string }>({
        type: 'object',
        propertyNames: { type: 'string', pattern: HeaderName },
        additionalProperties: { type: 'string', maxLength: 998, pattern: '^[^\\r\\n]*$' },
        maxProperties: 30,
      }),
    ),
  },
  { title: 'EmailContent', anyOf: [{ required: ['html'] }, { required: ['text'] }], 'x-message': 'needs html or text' },
);
export const SmsContent = closed({ text: Type.String({ minLength: 1, maxLength: 5000 }) }, { title: 'SmsContent' });
/** A template may make it, so it is no URI yet. */
const Link = Type.String({ minLength: 1, maxLength: 2048 });
export const PushContent = closed(
  {
    title: Type.String({ minLength: 1, maxLength: 1000 }),
    body: Type.String({ minLength: 1, maxLength: 4000 }),
    url: Type.Optional(Link),
    data: Type.Optional(JsonObject),
  },
  { title: 'PushContent' },
);
export const InAppContent = closed(
  {
    title: Type.String({ minLength: 1, maxLength: 1000 }),
    body: Type.String({ minLength: 1, maxLength: 20_000 }),
    url: Type.Optional(Link),
    actions: Type.Optional(Type.Array(closed({ label: Type.String({ minLength: 1, maxLength: 200 }), url: Link }), { maxItems: 10 })),
  },
  { title: 'InAppContent' },
);
export const WebhookContent = closed({ body: Type.Unknown() }, { title: 'WebhookContent' });

const channelContents = {
  email: Type.Optional(EmailContent),
  sms: Type.Optional(SmsContent),
  push: Type.Optional(PushContent),
  in_app: Type.Optional(InAppContent),
  webhook: Type.Optional(WebhookContent),
  wallet: Type.Optional(JsonObject),
};
export const ChannelContents = closed(channelContents, {
  title: 'Content',
  description: 'What is said, by channel; every string is a template.',
  minProperties: 1,
});

/** As a request may give it: `subject`, `text` and `html` at the top level stand for `email`. */
export const RequestContent = closed(
  { ...channelContents, subject: Type.Optional(SubjectLine), text: Type.Optional(EmailBody.text), html: Type.Optional(EmailBody.html) },
  {
    title: 'RequestContent',
    description: 'What is said, by channel; every string is a template. `subject`, `text` and `html` at the top stand for `email`.',
    minProperties: 1,
    allOf: [
      { not: { required: ['email', 'subject'] }, 'x-message': 'takes subject, text and html either at the top level or under email' },
      { not: { required: ['email', 'text'] }, 'x-message': 'takes subject, text and html either at the top level or under email' },
      { not: { required: ['email', 'html'] }, 'x-message': 'takes subject, text and html either at the top level or under email' },
      {
        if: { anyOf: [{ required: ['text'] }, { required: ['html'] }] },
        then: { required: ['subject'] },
        'x-message': 'needs a subject with text or html',
      },
      {
        if: { required: ['subject'] },
        then: { anyOf: [{ required: ['text'] }, { required: ['html'] }], 'x-message': 'needs html or text with a subject' },
        'x-message': 'needs html or text with a subject',
      },
    ],
  },
);
