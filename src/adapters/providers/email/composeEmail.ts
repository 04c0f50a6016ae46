import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../../commands/ports.ts';
import type { EmailMessage } from '../../../processes/dispatch/provider.ts';
import type { DkimSigner } from './dkim.ts';
import { fieldLine, hasControl, isAllowedField, structured, unstructured } from './headerFields.ts';
import type { HeaderField } from './headerFields.ts';
import { formatMailboxes, parseMailboxes } from './mailboxes.ts';
import type { Mailbox } from './mailboxes.ts';
import { attachedContent, plainContent } from './mimeContent.ts';
import type { MimeContent } from './mimeContent.ts';

/** A mail ready for SMTP (RFC 5321) or to be shown. */
export type ComposedEmail = {
  /** The message of RFC 5322, one character per octet (ISO 8859-1), lines end in CRLF, the last one without. */
  readonly raw: string;
  /** The paths of the envelope, domains in ASCII. */
  readonly from: string;
  readonly to: string;
  /** With its angle brackets; the same for the same key, so that a doubled mail can be recognised. */
  readonly messageId: string;
  /** A header holds UTF-8: it takes SMTPUTF8 and 8BITMIME (RFC 6531). */
  readonly international: boolean;
};
/** The mail cannot be written; sending it again is no use. */
export type ComposeRefusal = { readonly refused: 'invalid_header' | 'invalid_address' };

export type ComposeEmail = (message: EmailMessage, key: string) => Promise<ComposedEmail | ComposeRefusal>;

/** Contents kept encoded: a batch has one for each locale and variant. */
const KEPT_CONTENTS = 8;
const LONGEST_LINE = 998;
/** A dot-atom (RFC 5322 3.2.3) short enough for one line. */
const DOT_ATOM = /^[\w-]+(?:\.[\w-]+)*$/;
/** Free text everywhere else: these hold addresses, ids and URLs, which encoded words would break. */
const STRUCTURED = /^(?:list-|in-reply-to$|references$|cc$|auto-submitted$|precedence$|feedback-id$)/i;

type Kept = {
  readonly html: string | undefined;
  readonly text: string | undefined;
  readonly content: MimeContent;
  readonly bodyHash: string;
};
type Sender = { readonly mailboxes: readonly Mailbox[]; readonly field: HeaderField; readonly domain: string };

/** UTF-8 octets as characters, where there are any. */
const octets = (text: string): string => (/^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1'));
const isShortLined = (value: string): boolean =>
  value.length < LONGEST_LINE - 80 || value.split('\r\n').every((line) => line.length < LONGEST_LINE - 80);

/** RFC 5322 3.3. */
const dateOf = (epochMs: number): string => new Date(epochMs).toUTCString().replace('GMT', '+0000');

function messageIdOf(key: string, domain: string): string {
  const left = DOT_ATOM.test(key) && key.length <= 128 ? key : createHash('sha256').update(key).digest('hex');
  return `<${left}@${domain}>`;
}

function mailboxField(name: string, text: string): Sender | ComposeRefusal {
  const mailboxes = parseMailboxes(text);
  if (typeof mailboxes === 'string') return { refused: mailboxes };
  const first = mailboxes[0]?.address ?? '';
  return { mailboxes, field: { name, value: octets(formatMailboxes(name, mailboxes)) }, domain: first.slice(first.lastIndexOf('@') + 1) };
}

function extraFields(headers: EmailMessage['headers']): readonly HeaderField[] | ComposeRefusal {
  const fields: HeaderField[] = [];
  for (const [name, text] of Object.entries(headers)) {
    if (!isAllowedField(name, text)) return { refused: 'invalid_header' };
    const field = STRUCTURED.test(name) ? structured(name, text) : unstructured(name, text);
    if (!/^[\t\r\n\x20-\x7e]*$/.test(field.value) || !isShortLined(field.value)) return { refused: 'invalid_header' };
    fields.push(field);
  }
  return fields;
}

/** A subject may hold anything but what ends a field; blanks around it say nothing. */
const subjectField = (subject: string): HeaderField | ComposeRefusal =>
  hasControl(subject) ? { refused: 'invalid_header' } : unstructured('Subject', subject.replace(/^[ \t]+|[ \t]+$/g, ''));

type Parties = { readonly from: Sender; readonly to: string; readonly fields: readonly HeaderField[] };
type Head = Parties & { readonly messageId: string };

/**
 * Composes mail: html and text on the fast path, attachments through nodemailer. What recipients share (the encoded body and its
 * digest, the sender) is prepared once and kept for the next of the same content. Bodies differ from what was given only in line
 * breaks, which are all CRLF.
 */
export function emailComposer({ clock, dkim }: { readonly clock: Pick<Clock, 'epochMs'>; readonly dkim?: DkimSigner }): ComposeEmail {
  const senders = new LRUCache<string, Sender>({ max: 64 });
  const kept: Kept[] = [];

  function senderOf(text: string): Sender | ComposeRefusal {
    const known = senders.get(text);
    if (known !== undefined) return known;
    const sender = mailboxField('From', text);
    if ('refused' in sender) return sender;
    if (sender.mailboxes.length !== 1) return { refused: 'invalid_address' };
    senders.set(text, sender);
    return sender;
  }

  /** A few comparisons of strings, mostly of pointers or lengths: cheaper than a digest, also when every mail has its own content. */
  function sharedContent({ html, text }: EmailMessage): Kept {
    const index = kept.findIndex((one) => one.html === html && one.text === text);
    const found = index < 0 ? undefined : kept.splice(index, 1)[0];
    const one = found ?? keep(html, text);
    kept.unshift(one);
    if (kept.length > KEPT_CONTENTS) kept.pop();
    return one;
  }

  function keep(html: string | undefined, text: string | undefined): Kept {
    const content = plainContent({ html, text });
    return { html, text, content, bodyHash: dkim?.bodyHash(content.body) ?? '' };
  }

  async function contentOf(message: EmailMessage, key: string): Promise<Pick<Kept, 'content' | 'bodyHash'>> {
    if (message.attachments.length === 0) return sharedContent(message);
    const content = await attachedContent(message, message.attachments, createHash('sha256').update(key).digest('hex').slice(0, 32));
    return { content, bodyHash: dkim?.bodyHash(content.body) ?? '' };
  }

  function partiesOf(message: EmailMessage): Parties | ComposeRefusal {
    const from = senderOf(message.from);
    if ('refused' in from) return from;
    const to = mailboxField('To', message.to);
    if ('refused' in to) return to;
    const recipient = to.mailboxes.length === 1 ? to.mailboxes[0] : undefined;
    // the To field shows exactly the one that the envelope carries
    if (recipient === undefined) return { refused: 'invalid_address' };
    if (message.replyTo === undefined) return { from, to: recipient.address, fields: [from.field, to.field] };
    const replyTo = mailboxField('Reply-To', message.replyTo);
    return 'refused' in replyTo ? replyTo : { from, to: recipient.address, fields: [from.field, to.field, replyTo.field] };
  }

  function headOf(message: EmailMessage, key: string): Head | ComposeRefusal {
    const parties = partiesOf(message);
    if ('refused' in parties) return parties;
    const subject = subjectField(message.subject);
    if ('refused' in subject) return subject;
    const extra = extraFields(message.headers);
    if ('refused' in extra) return extra;
    const messageId = messageIdOf(key, parties.from.domain);
    const own = [
      { name: 'Date', value: dateOf(clock.epochMs()) },
      { name: 'Message-ID', value: messageId },
    ];
    return { ...parties, messageId, fields: [...parties.fields, subject, ...own, ...extra] };
  }

  return async (message, key) => {
    const head = headOf(message, key);
    if ('refused' in head) return head;
    const { content, bodyHash } = await contentOf(message, key);
    const fields = [...head.fields, ...content.fields];
    const signatures = (await dkim?.sign({ fields, bodyHash, fromDomain: head.from.domain, at: clock.epochMs() })) ?? [];
    const raw = `${[...signatures, ...fields].map(fieldLine).join('')}\r\n${content.body}`;
    const from = head.from.mailboxes[0]?.address ?? '';
    return { raw, from, to: head.to, messageId: head.messageId, international: head.fields.some(({ value }) => /[\x80-\xff]/.test(value)) };
  };
}
