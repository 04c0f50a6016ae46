import MailComposer from 'nodemailer/lib/mail-composer';
import type { Attachment } from '../../../processes/dispatch/provider.ts';
import { encodeBody, withCrlf } from './encodeBody.ts';
import type { EncodedBody } from './encodeBody.ts';
import type { HeaderField } from './headerFields.ts';

/** What the recipients of one content share: the fields that describe the body, and the body, one character per octet. */
export type MimeContent = { readonly fields: readonly HeaderField[]; readonly body: string };
type Parts = { readonly html?: string | undefined; readonly text?: string | undefined };

/** Neither quoted-printable nor base64 can produce `=_`, and what is neither is searched for it (`encodeBody`): RFC 2045 6.7 advises it. */
const BOUNDARY = '=_tidings_1';
const VERSION = { name: 'MIME-Version', value: '1.0' } as const;

const contentFields = (type: 'plain' | 'html', { encoding }: EncodedBody): readonly HeaderField[] => [
  { name: 'Content-Type', value: `text/${type}; charset=utf-8` },
  { name: 'Content-Transfer-Encoding', value: encoding },
];
const part = (type: 'plain' | 'html', encoded: EncodedBody): string =>
  `--${BOUNDARY}\r\n${contentFields(type, encoded)
    .map(({ name, value }) => `${name}: ${value}\r\n`)
    .join('')}\r\n${encoded.text}\r\n`;

/** The common shape: html, text, or both (RFC 2046 5.1.4). An empty part is no part; with none, the mail is an empty text. */
export function plainContent({ html = '', text = '' }: Parts): MimeContent {
  if (html === '' || text === '') {
    const type = html === '' ? 'plain' : 'html';
    const encoded = encodeBody(html === '' ? text : html, BOUNDARY);
    return { fields: [VERSION, ...contentFields(type, encoded)], body: encoded.text };
  }
  return {
    fields: [VERSION, { name: 'Content-Type', value: `multipart/alternative; boundary="${BOUNDARY}"` }],
    body: `${part('plain', encodeBody(text, BOUNDARY))}${part('html', encodeBody(html, BOUNDARY))}--${BOUNDARY}--`,
  };
}

/** RFC 2045 5.1, without parameters other than what a type usually has; anything else becomes `application/octet-stream`. */
const CONTENT_TYPE = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?[\w-]{1,32}=(?:[\w.+-]{1,64}|"[\w .+-]{1,64}"))*$/;
/** RFC 2392: what may stand in `cid:`. */
const CONTENT_ID = /^[\w.+@-]{1,128}$/;
const CONTROLS = /[\x00-\x1f\x7f]/g;

const attached = (attachment: Attachment) => ({
  filename: attachment.filename.replace(CONTROLS, '').replace(/^.*[/\\]/, '') || 'attachment',
  contentType: CONTENT_TYPE.test(attachment.contentType) ? attachment.contentType : 'application/octet-stream',
  content: Buffer.from(attachment.content.buffer, attachment.content.byteOffset, attachment.content.byteLength),
  contentDisposition: attachment.disposition ?? 'attachment',
  contentTransferEncoding: 'base64',
  ...(attachment.contentId !== undefined && CONTENT_ID.test(attachment.contentId) ? { cid: attachment.contentId } : {}),
});

/** Fields of its root that describe the body; the composer writes the others itself. */
const DESCRIBES = /^(?:mime-version|content-)/i;

/**
 * Attachments and images that the html shows: nodemailer builds the tree (multipart/mixed and related, RFC 2231 filenames).
 * `seed` tells boundaries apart, and is the same for the same delivery.
 */
export async function attachedContent(
  { html = '', text = '' }: Parts,
  attachments: readonly Attachment[],
  seed: string,
): Promise<MimeContent> {
  const mail = new MailComposer({
    ...(html === '' ? {} : { html: withCrlf(html) }),
    ...(text === '' ? {} : { text: withCrlf(text) }),
    attachments: attachments.map(attached),
    messageId: '<unused@invalid>',
    date: new Date(0),
    baseBoundary: seed,
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const raw = (await mail.compile().build()).toString('latin1');
  const end = raw.indexOf('\r\n\r\n');
  const fields = raw
    .slice(0, end)
    .split(/\r\n(?![ \t])/)
    .filter((line) => DESCRIBES.test(line))
    .map((line) => ({ name: line.slice(0, line.indexOf(':')), value: line.slice(line.indexOf(':') + 1).trim() }));
  return { fields, body: raw.slice(end + 4) };
}
