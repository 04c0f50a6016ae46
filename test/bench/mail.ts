import { generateKeyPairSync } from 'node:crypto';
import type { EmailMessage, Outgoing } from '../../src/processes/dispatch/provider.ts';
import type { Content } from '../../src/domain/values/content.ts';
import type { DeliveryId, NotificationId, SubjectId, TenantId } from '../../src/domain/values/ids.ts';

/** One mail as a shop sends it after an order: some 3 kB of HTML, a loop, conditions, filters, everything escaped. */
const ROW = `<tr><td style="padding:8px 0;border-bottom:1px solid #e5e7eb">{{ item.title }}{% if item.note %}<br><em>{{ item.note }}</em>{% endif %}</td>
<td style="padding:8px 0;border-bottom:1px solid #e5e7eb;text-align:right">{{ item.quantity }} × {{ item.price }} {{ currency }}</td></tr>`;
const PARAGRAPH =
  'You get this message because you ordered in our shop. We keep what the law asks of us for as long as it asks, and nothing for longer. If something is wrong with your parcel, answer this mail: a person reads it.';
export const MAIL: Content = {
  email: {
    subject: 'Order {{ order.number }} is on its way, {{ name }}',
    html: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Order {{ order.number }}</title></head>
<body style="margin:0;background:#f4f5f7;font-family:Helvetica,Arial,sans-serif;color:#172b4d">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px">
<table role="presentation" width="600" cellpadding="0" cellspacing="0" style="background:#ffffff;border-radius:8px"><tr><td style="padding:32px">
<h1 style="font-size:24px;margin:0 0 16px">Thank you, {{ name }}!</h1>
<p style="line-height:1.5">Your order <strong>{{ order.number }}</strong> has left our house{% if order.express %} by express{% else %} by parcel service{% endif %}.
It should be with you on {{ order.day }}.</p>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0">
{% for item in items %}${ROW}
{% endfor %}</table>
<p style="text-align:right;font-size:18px">Together <strong>{{ order.total }} {{ currency }}</strong></p>
{% if items | length > 2 %}<p>That is {{ items | length }} kinds of things: we packed them in one parcel.</p>{% endif %}
<p>We send it to {{ address.street }}, {{ address.city | upper }}.</p>
<p style="font-size:12px;color:#6b778c;line-height:1.5">${PARAGRAPH}</p>
<p style="font-size:12px;color:#6b778c;line-height:1.5">${PARAGRAPH}</p>
</td></tr></table></td></tr></table>
</body></html>
`,
    text: `Thank you, {{ name }}!

Your order {{ order.number }} has left our house. It should be with you on {{ order.day }}.
{% for item in items %}
- {{ item.title }}: {{ item.quantity }} × {{ item.price }} {{ currency }}{% endfor %}

Together {{ order.total }} {{ currency }}. We send it to {{ address.street }}, {{ address.city | upper }}.

${PARAGRAPH}
`,
  },
};

const THINGS = ['Kettle & lid', 'Tea "Assam" <250 g>', 'Sieve', 'Cup'];

/** What makes one person's mail of it: different for everybody. */
export const variablesOf = (index: number): { readonly [name: string]: unknown } => ({
  name: `Reader ${String(index)} O'Neil`,
  currency: 'EUR',
  order: { number: `A-${String(100_000 + index)}`, day: '24 November', total: String(40 + (index % 60)), express: index % 3 === 0 },
  items: THINGS.slice(0, 2 + (index % 3)).map((title, place) => ({
    title,
    quantity: 1 + ((index + place) % 3),
    price: 5 + place,
    ...(place === 1 ? { note: 'as a present' } : {}),
  })),
  address: { street: `${String(1 + (index % 99))} Harbour Road`, city: 'Bergen' },
});

/** What a batch says: some 5 kB of HTML for everybody, with the name of each; its text part is made of the HTML. */
const ARTICLE = (title: string): string => `<tr><td style="padding:0 32px 24px">
<h2 style="font-size:18px;margin:0 0 8px">${title}</h2>
<p style="line-height:1.5;margin:0 0 8px">${PARAGRAPH}</p>
<p style="line-height:1.5;margin:0 0 8px">${PARAGRAPH}</p>
<a href="https://shop.example.com/news/{{ issue }}/${String(title.length)}" style="color:#0052cc">Read on</a></td></tr>`;
export const NEWS: Content = {
  email: {
    subject: 'Issue {{ issue }} for {{ name }}',
    html: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Issue {{ issue }}</title></head>
<body style="margin:0;background:#f4f5f7;font-family:Helvetica,Arial,sans-serif;color:#172b4d">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px">
<table role="presentation" width="600" cellpadding="0" cellspacing="0" style="background:#ffffff;border-radius:8px">
<tr><td style="padding:32px"><h1 style="font-size:24px;margin:0 0 16px">Issue {{ issue }}</h1><p>Dear {{ name }}, here is what is new.</p></td></tr>
${['New things for winter', 'How tea is grown', 'We have moved', 'Your questions answered'].map(ARTICLE).join('\n')}
</table></td></tr></table>
</body></html>
`,
  },
};
export const NEWS_VARIABLES = { issue: '42' };
export const newsVariablesOf = (index: number): { readonly [name: string]: unknown } => ({
  ...NEWS_VARIABLES,
  name: `Reader ${String(index)}`,
});

export const addressOf = (round: number, index: number): string => `reader-${String(round)}-${String(index)}@example.com`;
export const FROM = 'Shop <shop@example.com>';

/** As a worker hands it to a provider. */
export const outgoing = (key: string, message: EmailMessage): Outgoing => ({
  tenant: 'acme' as TenantId,
  notificationId: key as NotificationId,
  deliveryId: key as DeliveryId,
  subject: key as SubjectId,
  key,
  message,
});

/** An RSA key of 2,048 bits, as most senders have. */
export function newDkimKey(): { readonly domain: string; readonly selector: string; readonly privateKey: string } {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { domain: 'example.com', selector: 'bench', privateKey };
}
