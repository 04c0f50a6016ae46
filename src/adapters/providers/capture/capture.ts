import type { Clock } from '../../../commands/ports.ts';
import { PortError } from '../../../domain/kernel/portError.ts';
import type { EmailMessage, Outgoing, Provider, SendResult } from '../../../processes/dispatch/provider.ts';
import { emailComposer } from '../email/composeEmail.ts';
import type { ComposeEmail } from '../email/composeEmail.ts';
import type { CapturedEmail, CapturedMessage, CaptureEntry, CaptureStore } from './captureStore.ts';

/** Characters of MIME that are kept: enough to look at, and large attachments stay out of the database. */
const RAW_KEPT = 1_048_576;
const DEADLINE_MS = 10_000;
const WINDOW = 200;
/** Characters of messages in one statement, about. */
const STATEMENT = 4_000_000;

const sizeOf = ({ message }: CaptureEntry): number =>
  1000 + (message.channel === 'email' ? [message.raw, message.html, message.text].reduce((sum, it) => sum + (it?.length ?? 0), 0) : 0);

/** Entries in order, so many together as one statement should carry. */
function statementsOf(entries: readonly CaptureEntry[]): readonly (readonly CaptureEntry[])[] {
  const all: CaptureEntry[][] = [];
  let room = 0;
  for (const entry of entries) {
    const [size, last] = [sizeOf(entry), all.at(-1)];
    if (last === undefined || size > room) all.push([entry]);
    else last.push(entry);
    room = (last === undefined || size > room ? STATEMENT : room) - size;
  }
  return all;
}

type Taken = CaptureEntry | SendResult;
const isEntry = (it: Taken): it is CaptureEntry => 'key' in it;

/** Of the files no more than what is kept of the mail: base64 makes them longer, so what is cut off lies behind it. */
function beginningOf(attachments: EmailMessage['attachments']): EmailMessage['attachments'] {
  let left = RAW_KEPT;
  return attachments.map((it) => {
    const content = it.content.subarray(0, left);
    left -= content.byteLength;
    return { ...it, content };
  });
}

async function captureEmail(compose: ComposeEmail, message: EmailMessage, key: string): Promise<CapturedEmail | SendResult> {
  const mail = await compose({ ...message, attachments: beginningOf(message.attachments) }, key);
  if ('refused' in mail) return { outcome: 'refused', kind: 'permanent', code: mail.refused };
  const attachments = message.attachments.map(({ filename, contentType, content }) => ({
    filename,
    contentType,
    size: content.byteLength,
  }));
  return { ...message, attachments, raw: Buffer.from(mail.raw.slice(0, RAW_KEPT), 'latin1').toString('utf8') };
}

/** Takes every channel and sends nothing: what it took can be looked at for 24 hours. A repeated key is kept once. */
export function captureProvider(store: CaptureStore, clock: Clock): Provider {
  const compose = emailComposer({ clock });
  const sending = new Set<Promise<unknown>>();

  async function take({ tenant, subject, key, notificationId, deliveryId, message }: Outgoing): Promise<Taken> {
    const captured: CapturedMessage | SendResult = message.channel === 'email' ? await captureEmail(compose, message, key) : message;
    return 'outcome' in captured ? captured : { tenant, subject, key, notificationId, deliveryId, message: captured, at: clock.now() };
  }

  async function put(entries: readonly CaptureEntry[]): Promise<readonly SendResult[]> {
    try {
      const kept = await store.put(entries);
      return entries.map(({ key }, index) =>
        kept[index] === 'kept'
          ? { outcome: 'accepted', providerMessageId: key }
          : { outcome: 'refused', kind: 'permanent', code: 'subject_erased' },
      );
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
      // the statement may have been carried out; the same key again is kept once
      return entries.map(() =>
        error.retryable ? { outcome: 'unknown', code: error.code } : { outcome: 'refused', kind: 'permanent', code: error.code },
      );
    }
  }

  async function capture(messages: readonly Outgoing[]): Promise<readonly SendResult[]> {
    const taken = await Promise.all(messages.map(take));
    const entries = taken.filter(isEntry);
    const answers: SendResult[] = [];
    for (const part of statementsOf(entries)) answers.push(...(await put(part)));
    const results = new Map(entries.map((entry, index) => [entry, answers[index]]));
    return taken.map((it) => (isEntry(it) ? (results.get(it) ?? { outcome: 'unknown', code: 'unanswered' }) : it));
  }

  return {
    id: 'capture',
    takesKeys: true,
    deadlineMs: DEADLINE_MS,
    window: WINDOW,
    send: (messages) => {
      const call = capture(messages).finally(() => {
        sending.delete(call);
      });
      sending.add(call);
      return call;
    },
    close: async () => {
      await Promise.allSettled([...sending]);
    },
  };
}
