import type { BatchLine } from '../commands/batchLines.ts';
import type { MessageInput } from '../commands/notificationInput.ts';
import type { Line } from './lines.ts';
import { messageIn, recipientIn } from './notificationBody.ts';
import { invalidBody } from './operation.ts';
import { refuse } from './problems.ts';
import type { Refusal } from './problems.ts';
import { Attachment, recipientMembers } from './schemas/notification.ts';
import type { MessageBody, RecipientBody } from './schemas/notification.ts';
import type { Check } from './validation.ts';

export type BatchStream = {
  readonly message: MessageInput;
  /** The message's content as the caller wrote it, for the paths of what is wrong with it. */
  readonly written: MessageBody['content'];
  readonly lines: AsyncIterable<readonly BatchLine[]>;
};
export type BatchChecks = { readonly message: Check<MessageBody>; readonly recipient: Check<RecipientBody> };

/** Names of members that are ours; what a caller called a member of their own may be somebody's name. */
const OURS: ReadonlySet<string> = new Set([...Object.keys(recipientMembers), ...Object.keys(Attachment.properties)]);
const toldPath = (path: string): string => {
  const told = path
    .split('/')
    .slice(1)
    .map((part) => (OURS.has(part) || /^\d{1,4}$/.test(part) ? part : '…'));
  return told.length === 0 ? 'it' : `/${told.join('/')}`;
};

/**
 * A line that cannot be read, or is no recipient, is a rejection of that line. Its detail is recorded in clear: it says which rule was
 * broken, and repeats nothing of the line but the names of our own members.
 */
function batchLine(line: Line, check: Check<RecipientBody>): BatchLine {
  const { raw } = line;
  if (!line.ok) return { raw, refusal: { code: line.code, detail: line.detail } };
  const checked = check(line.value);
  if (checked.ok) return { raw, recipient: recipientIn(checked.value) };
  const detail = [...new Set(checked.errors.map(({ path, message }) => `${toldPath(path)} ${message}`))].join('; ');
  return { raw, refusal: { code: 'validation_failed', detail: detail.slice(0, 500) } };
}

/** NDJSON: the first line is the message, each further one a recipient, read at the pace at which they are written. */
export async function batchOfLines(groups: AsyncIterable<readonly Line[]>, checks: BatchChecks): Promise<BatchStream | Refusal> {
  const iterator = groups[Symbol.asyncIterator]();
  const opening = await iterator.next();
  const [first, ...rest] = opening.done === true ? [] : opening.value;
  if (first === undefined) return refuse('malformed_json', 'Send the message as the first line, and a recipient on each further one.');
  if (!first.ok) return refuse(first.code, `First line: ${first.detail}`);
  const message = checks.message(first.value);
  if (!message.ok) return invalidBody(message.errors);

  async function* lines(): AsyncGenerator<readonly BatchLine[]> {
    if (rest.length > 0) yield rest.map((line) => batchLine(line, checks.recipient));
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      yield next.value.map((line) => batchLine(line, checks.recipient));
    }
  }
  return { message: messageIn(message.value), written: message.value.content, lines: lines() };
}

/** JSON: the same, with the recipients in an array. */
export function batchOfJson(body: MessageBody & { readonly recipients: readonly unknown[] }, checks: BatchChecks): BatchStream | Refusal {
  const { recipients, ...rest } = body;
  const message = checks.message(rest);
  if (!message.ok) return invalidBody(message.errors);
  async function* lines(): AsyncGenerator<readonly BatchLine[]> {
    const made = recipients.map((value, index) => batchLine({ index, raw: JSON.stringify(value), ok: true, value }, checks.recipient));
    yield await Promise.resolve(made);
  }
  return { message: messageIn(message.value), written: message.value.content, lines: lines() };
}
