/** What the API document says before its operations: the manners that all of them share. Markdown. */
export const ABOUT = `Multi-channel notifications that can prove what was sent, to whom, why and with whose consent.

## Credentials
\`Authorization: Bearer <API key or JWT>\`. A key belongs to one tenant and has scopes; none implies another, and each operation names the
one it takes. What belongs to another tenant is not found (404). Messages of a key with \`"mode": "test"\` are always captured.

## Errors
Every error is \`application/problem+json\` (RFC 9457): \`code\` is stable and meant for programs, \`detail\` says what to do next, \`errors\` lists
all that is wrong with the input, each by its JSON Pointer. 400: the request cannot be read; 401 and 403: who asks; 404: there is no such
thing; 409: not in this state; 412: it has changed; 413: too large; 422: understood and not to be done; 429 and 503: try again after \`Retry-After\`.

## Limits
Every answer to a key says in \`RateLimit\` what is left of its limits and of its tenant's, and in \`RateLimit-Policy\` what they are; past one it is 429
\`rate_limited\`.

## Once
Send an \`Idempotency-Key\` with whatever creates something: a repeat gets the first answer and \`Idempotency-Replayed: true\`, the same key
with another body is 422 \`idempotency_key_reused\`.

## Reading what you wrote
A command answers with \`Tidings-Position\`. Any GET takes it as \`?after=\` and waits until it shows the change, at most 5 seconds.

## Lists
\`{data, nextCursor}\`, newest first unless it says otherwise. \`?limit=\` is 1 to 200; \`?cursor=\` takes \`nextCursor\` with the same filters;
\`null\` is the end.

## Editing
What has a version has an \`ETag\`. With \`If-Match\` a change is made only to what you have seen, else it is 412. PUT replaces the whole,
PATCH (JSON Merge Patch, RFC 7386) creates or merges; \`null\` removes.

## Forms
Instants are RFC 3339, in answers UTC with milliseconds; durations ISO 8601. A member that a request does not know is an error. In answers,
ignore members you do not know: statuses and codes are open sets, \`outcome\` is a closed one.`;

/** Groups of operations, in the order in which the document shows them. */
export const TAGS = {
  Notifications: 'A request to tell 1 to 500 recipients something, and what can be done to it afterwards.',
  Batches: 'One message to any number of recipients, streamed.',
  Deliveries: 'One recipient × one channel of a notification: where it stands, and what was tried.',
  Explanations: 'Why a message came, or did not: every gate’s verdict, the timeline in the log, and a sentence.',
  'Dead letters': 'Deliveries that failed, were given up, or have an unknown outcome; they can be sent on their way again.',
  Attachments: 'Files that are too large to come with a request.',
  'Captured messages': 'What the capture provider took instead of sending it, kept for 24 hours.',
  Recipients: 'People whose profile you keep with us. Whoever is addressed inline needs none.',
  Catalogue: 'Types of messages, and the categories that people can leave. The catalogue decides; a request can only tighten.',
  Templates: 'What is said, by language and channel: drafts, published versions, previews.',
  Settings: 'Defaults of a tenant: sender, language, zone, branding.',
  'API keys': 'Who may call, and what for. A key is shown once.',
  Tenants: 'Customers kept apart from each other.',
  Compliance: 'Who saw personal data, who was refused what, who changed what the service does.',
  Projections: 'The consumers of the log: how far they are, what they set aside, and building one anew.',
  Service: 'Health, metrics, and this document.',
} as const;
export type Tag = keyof typeof TAGS;
