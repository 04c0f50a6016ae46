import { reject, type Rejection } from '../kernel/rejection.ts';

const isHttps = (text: string): boolean => URL.canParse(text) && new URL(text).protocol === 'https:';

/** Where a webhook may be sent to: what it says is personal and crosses no network in clear. */
export const parseWebhookUrl = (text: string): string | Rejection<'invalid_url'> =>
  isHttps(text) ? text : reject('invalid_url', 'a webhook is an absolute https URL');
