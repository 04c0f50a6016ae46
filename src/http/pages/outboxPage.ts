import { CHANNELS } from '../../domain/values/channel.ts';
import type { Channel } from '../../domain/values/channel.ts';
import { html } from '../html.ts';
import type { Html, HtmlValue } from '../html.ts';
import type { CapturedMessage } from '../ports.ts';

const CHANNEL_NAMES: Readonly<Record<Channel, string>> = {
  email: 'E-mail',
  sms: 'SMS',
  push: 'Push',
  in_app: 'In-app',
  webhook: 'Webhook',
  wallet: 'Wallet',
};

/** A message beside the sentence that tells why it was sent. */
export type Shown = { readonly message: CapturedMessage; readonly sentence: string };
export type SendForm = { readonly channel: 'email' | 'sms'; readonly to: string; readonly subject: string; readonly text: string };
export const EMPTY_FORM: SendForm = { channel: 'email', to: '', subject: '', text: '' };

export type OutboxView = {
  readonly csrf: string;
  readonly tenant: string;
  readonly maySend: boolean;
  readonly messages: readonly Shown[];
  readonly channel: Channel | undefined;
  /** Of the next page. */
  readonly cursor: string | null;
  readonly form: SendForm;
  readonly notice?: { readonly bad: boolean; readonly text: string; readonly list?: readonly string[] };
};

function layout(title: string, body: HtmlValue): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="stylesheet" href="/outbox/style.css" />
        <link rel="icon" href="data:," />
      </head>
      <body>
        ${body}
      </body>
    </html>`;
}

const timeOf = (instant: string): Html => html`<time datetime="${instant}">${instant.slice(0, 10)} ${instant.slice(11, 19)} UTC</time>`;

const json = (value: unknown): Html => html`<pre class="code">${JSON.stringify(value, null, 2)}</pre>`;

/** The message as its reader would see it. */
function look(message: CapturedMessage): Html {
  const { channel, html: markup, text, title, body, actions } = message;
  switch (channel) {
    case 'email':
      return markup === undefined
        ? html`<pre>${text}</pre>`
        : html`<iframe
            title="The e-mail as it looks"
            sandbox="allow-popups allow-popups-to-escape-sandbox"
            referrerpolicy="no-referrer"
            loading="lazy"
            src="/outbox/mails/${encodeURIComponent(message.notificationId)}/${encodeURIComponent(message.id)}"
          ></iframe>`;
    case 'sms':
      return html`<div class="phone"><p class="bubble">${text}</p></div>`;
    case 'push':
    case 'in_app':
      return html`<div class="phone">
        <div class="bubble">
          <strong>${title}</strong>
          <p>${typeof body === 'string' ? body : ''}</p>
          ${(actions ?? []).map(({ label }) => html`<span class="act">${label}</span>`)}
        </div>
      </div>`;
    case 'webhook':
    case 'wallet':
      return json(body);
  }
}

const titleOf = ({ subject, title, channel }: CapturedMessage): string =>
  subject ?? title ?? (channel === 'sms' ? 'Text message' : CHANNEL_NAMES[channel]);

function detailsOf(message: CapturedMessage): Html {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['From', message.from],
    ['Reply to', message.replyTo],
    ['Opens', message.url],
    ['Notification', message.notificationId],
    ['Delivery', message.deliveryId],
    ...Object.entries(message.headers ?? {}),
    ...(message.attachments ?? []).map(({ filename, contentType, size }): [string, string] => [
      'Attachment',
      `${filename} (${contentType}, ${size} bytes)`,
    ]),
  ];
  const shown = rows.flatMap(([name, value]) =>
    value === undefined
      ? []
      : [
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
        ],
  );
  const plain =
    message.html === undefined || message.text === undefined
      ? ''
      : html`<p><b>Text part</b></p>
          <pre>${message.text}</pre>`;
  return html`<details class="more">
    <summary>Details</summary>
    <dl>${shown}</dl>
    ${plain}
  </details>`;
}

const card = ({ message, sentence }: Shown): Html =>
  html`<article class="message" aria-labelledby="m-${message.id}">
    <header>
      <p class="meta">
        <span class="badge">${CHANNEL_NAMES[message.channel]}</span>${timeOf(message.capturedAt)}<span class="to">to ${message.to}</span>
      </p>
      <h2 id="m-${message.id}">${titleOf(message)}</h2>
    </header>
    <div class="look">${look(message)}</div>
    <p class="why"><b>Why:</b> ${sentence}</p>
    ${detailsOf(message)}
  </article>`;

const tab = (label: string, href: string, current: boolean): Html =>
  html`<li><a href="${href}" ${current ? html` aria-current="page"` : ''}>${label}</a></li>`;

const tabs = (channel: Channel | undefined): Html =>
  html`<nav aria-label="Channels">
    <ul class="tabs">
      ${tab('All', '/outbox', channel === undefined)}
      ${CHANNELS.map((each) => tab(CHANNEL_NAMES[each], `/outbox?channel=${each}`, each === channel))}
    </ul>
  </nav>`;

const noticeOf = (notice: OutboxView['notice']): HtmlValue =>
  notice !== undefined &&
  html`<div class="notice${notice.bad ? ' bad' : ''}" role="${notice.bad ? 'alert' : 'status'}">
    ${notice.text}${
      notice.list !== undefined &&
      notice.list.length > 0 &&
      html`<ul>
        ${notice.list.map((it) => html`<li>${it}</li>`)}
      </ul>`
    }
  </div>`;

const choice = (value: SendForm['channel'], current: SendForm['channel']): Html =>
  html`<label
    ><input type="radio" name="channel" value="${value}" ${value === current ? html` checked` : ''} />${CHANNEL_NAMES[value]}</label
  >`;

const sendForm = ({ csrf, form }: OutboxView): Html =>
  html`<form class="panel" method="post" action="/outbox/messages" aria-labelledby="send">
    <h2 id="send">Send one</h2>
    <input type="hidden" name="csrf" value="${csrf}" />
    <fieldset>
      <legend>Channel</legend>
      ${choice('email', form.channel)} ${choice('sms', form.channel)}
    </fieldset>
    <label for="to">To</label>
    <input type="text" id="to" name="to" required maxlength="320" value="${form.to}" autocomplete="off" placeholder="ana@example.com" />
    <p class="hint">An e-mail address, or a number like +43 664 1234567.</p>
    <label for="subject">Subject</label>
    <input type="text" id="subject" name="subject" maxlength="200" value="${form.subject}" autocomplete="off" />
    <p class="hint">For e-mail.</p>
    <label for="text">Message</label>
    <textarea id="text" name="text" required maxlength="20000">${form.text}</textarea>
    <p class="hint">HTML if it starts with &lt;.</p>
    <button type="submit">Send</button>
  </form>`;

const emptyState = (channel: Channel | undefined): Html =>
  html`<div class="empty">
    <h2>Nothing ${channel === undefined ? 'yet' : `on ${CHANNEL_NAMES[channel]} yet`}</h2>
    <p>What is sent is captured and shown here for 24 hours, each message beside the reason why it went.</p>
  </div>`;

const nextPage = ({ cursor, channel }: OutboxView): HtmlValue => {
  if (cursor === null) return false;
  const query = new URLSearchParams({ ...(channel !== undefined && { channel }), cursor });
  return html`<p class="pages"><a href="/outbox?${query.toString()}">Older messages</a></p>`;
};

/** All of it without a script: what was captured, newest first, and a form to send one. */
export const outboxPage = (view: OutboxView): Html =>
  layout(
    'Outbox · Tidings',
    html`<a class="skip" href="#messages">Skip to the messages</a>
      <header class="bar">
        <h1><span>Tidings</span> outbox</h1>
        <p>Tenant ${view.tenant}. Messages are captured here instead of being sent. Remote images are not loaded.</p>
        <form method="get" action="/outbox"><button class="quiet" type="submit">Reload</button></form>
        <form method="post" action="/outbox/leave">
          <input type="hidden" name="csrf" value="${view.csrf}" /><button class="quiet" type="submit">Leave</button>
        </form>
      </header>
      <div class="page">
        <main id="messages" tabindex="-1">
          ${noticeOf(view.notice)} ${tabs(view.channel)} ${view.messages.length === 0 ? emptyState(view.channel) : view.messages.map(card)}
          ${nextPage(view)}
        </main>
        ${view.maySend && html`<aside>${sendForm(view)}</aside>`}
      </div>`,
  );

/** For whoever has no session. */
export const doorPage = (notice?: string): Html =>
  layout(
    'Open the outbox · Tidings',
    html`<main class="door">
      ${noticeOf(notice === undefined ? undefined : { bad: true, text: notice })}
      <form class="panel" method="post" action="/outbox/enter">
        <h2>Open the outbox</h2>
        <p class="hint">Use the one-time link that the service printed when it started, or an API key with the scope pii.</p>
        <label for="key">API key</label>
        <input type="password" id="key" name="key" required autocomplete="off" />
        <button type="submit">Open</button>
      </form>
    </main>`,
  );
