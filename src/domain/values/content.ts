import { CHANNELS } from './channel.ts';
import type { Channel } from './channel.ts';

/** JSON whose strings, not its keys, are templates. */
export type JsonObject = { readonly [name: string]: unknown };

/** Subject, from, replyTo and headers' values are single lines; `html` is the only text that is escaped. */
export type EmailContent = {
  readonly subject: string;
  /** What mail clients show after the subject; put into `html`, hidden. */
  readonly preheader?: string;
  readonly html?: string;
  /** Derived from `html` where absent. */
  readonly text?: string;
  readonly from?: string;
  readonly replyTo?: string;
  readonly headers?: { readonly [name: string]: string };
};
export type SmsContent = { readonly text: string };
export type PushContent = { readonly title: string; readonly body: string; readonly url?: string; readonly data?: JsonObject };
export type InAppAction = { readonly label: string; readonly url: string };
export type InAppContent = {
  readonly title: string;
  readonly body: string;
  readonly url?: string;
  readonly actions?: readonly InAppAction[];
};
export type WebhookContent = { readonly body: unknown };
export type WalletContent = JsonObject;

/** What is to be said, by channel; every string is a template. */
export type Content = {
  readonly email?: EmailContent;
  readonly sms?: SmsContent;
  readonly push?: PushContent;
  readonly in_app?: InAppContent;
  readonly webhook?: WebhookContent;
  readonly wallet?: WalletContent;
};

/** The channels that the content has something for, in the order of `CHANNELS`. */
export const channelsOf = (content: Content): readonly Channel[] => CHANNELS.filter((channel) => content[channel] !== undefined);
