import { parseSmtpUrl } from '../adapters/providers/email/smtpUrl.ts';
import { isRejection } from '../domain/kernel/rejection.ts';
import { allOrNone, schemeOf, type Settings } from './settings.ts';

export type EmailSettings = {
  readonly smtpUrl?: string;
  /** RFC 5322 mailbox; of the tenant `default`, until its settings say otherwise. */
  readonly from: string;
  readonly dkim?: { readonly domain: string; readonly selector: string; /** PEM. */ readonly privateKey: string };
};

const MAILBOX = /^(?:[^\r\n<>]{0,200}<[^\s@<>]{1,64}@[^\s@<>]{1,255}>|[^\s@<>]{1,64}@[^\s@<>]{1,255})$/;

function readSmtpUrl(settings: Settings, required: boolean): string | undefined {
  const url = settings.secret('SMTP_URL', schemeOf);
  if (url === undefined) {
    if (required) settings.wrong('SMTP_URL', 'smtp://user:password@host:587, since EMAIL_PROVIDERS names smtp');
    return undefined;
  }
  const options = parseSmtpUrl(url);
  if (isRejection(options)) settings.wrong('SMTP_URL', `an SMTP URL: ${options.detail}`);
  return url;
}

/** The sender while mails are captured. */
const CAPTURED_FROM = 'Tidings <tidings@localhost>';

function readFrom(settings: Settings, required: boolean): string {
  const from = required ? settings.text('EMAIL_FROM') : settings.text('EMAIL_FROM', CAPTURED_FROM);
  if (from === undefined) settings.wrong('EMAIL_FROM', 'the sender, such as Shop <shop@example.com>, since EMAIL_PROVIDERS names smtp');
  if (from !== undefined && !MAILBOX.test(from)) settings.wrong('EMAIL_FROM', 'a mailbox such as Shop <shop@example.com>');
  return from ?? CAPTURED_FROM;
}

function readDkim(settings: Settings): EmailSettings['dkim'] {
  const domain = settings.text('DKIM_DOMAIN');
  const selector = settings.text('DKIM_SELECTOR');
  // In environment variables line breaks are often written as \n.
  const privateKey = settings.secret('DKIM_PRIVATE_KEY')?.replaceAll('\\n', '\n');
  allOrNone(settings, { DKIM_DOMAIN: domain, DKIM_SELECTOR: selector, DKIM_PRIVATE_KEY: privateKey });
  if (privateKey !== undefined && !/-----BEGIN (?:RSA )?PRIVATE KEY-----/.test(privateKey))
    settings.wrong('DKIM_PRIVATE_KEY', 'a private key in PEM, without a passphrase');
  if (domain === undefined || selector === undefined || privateKey === undefined) return undefined;
  return { domain: domain.toLowerCase(), selector, privateKey };
}

export function readEmail(settings: Settings, providers: readonly string[]): EmailSettings {
  const required = providers.includes('smtp');
  const [smtpUrl, from, dkim] = [readSmtpUrl(settings, required), readFrom(settings, required), readDkim(settings)];
  return { from, ...(smtpUrl === undefined ? {} : { smtpUrl }), ...(dkim === undefined ? {} : { dkim }) };
}
