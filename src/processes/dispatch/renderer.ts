import type { Channel } from '../../domain/values/channel.ts';
import type { Content } from '../../domain/values/content.ts';
import type { EmailMessage, InAppMessage, PushMessage, SmsMessage, WalletMessage, WebhookMessage } from './provider.ts';

/** One person's message on one channel. `variables` is plain JSON: the notification's, overlaid by the recipient's own. */
export type RenderRequest = {
  /** Compiled once and kept while this object lives, so hand the same object for all recipients of a message. */
  readonly content: Content;
  readonly channel: Channel;
  readonly variables: { readonly [name: string]: unknown };
  /** BCP 47; dates, numbers and currencies are written in it. Default `en`. */
  readonly locale?: string;
  /** IANA name. Default `UTC`. */
  readonly timeZone?: string;
};

/** What a provider's message holds besides addresses and attachments; an e-mail's `from` and `replyTo` only where the content says so. */
export type RenderedContent =
  | (Omit<EmailMessage, 'from' | 'to' | 'attachments'> & { readonly from?: string })
  | Omit<SmsMessage, 'to' | 'from'>
  | Omit<PushMessage, 'to'>
  | Omit<InAppMessage, 'to'>
  | Omit<WebhookMessage, 'to'>
  | Omit<WalletMessage, 'to'>;

/**
 * `template_budget_exceeded`: these variables make it too long or too much work, nothing is cut; `template_invalid`: the content
 * does not compile; `content_missing`: it has nothing for this channel. A second try gives the same answer.
 */
export type RenderFailure = {
  readonly failed: 'template_budget_exceeded' | 'template_invalid' | 'content_missing';
  /** JSON Pointer (RFC 6901) of the template in the content: `/email/html`. */
  readonly path: string;
  /** Our own words: holds no values of variables. */
  readonly detail: string;
};

/** Synchronous and pure: the same request gives the same answer. Never throws for what an author wrote or a variable holds. */
export interface Renderer {
  render(request: RenderRequest): RenderedContent | RenderFailure;
}

export const isRenderFailure = (it: RenderedContent | RenderFailure): it is RenderFailure => 'failed' in it;
