import type { SendResult } from '../../../processes/dispatch/provider.ts';

/** RFC 5321 4.2, with the enhanced code of RFC 3463 (`5.1.1`) where there is one. */
export type SmtpReply = { readonly code: number; readonly enhanced?: string; readonly lines: readonly string[] };
export type Refused = Extract<SendResult, { readonly outcome: 'refused' }>;
/** What was being said when the server refused. */
export type SmtpStage = 'greeting' | 'auth' | 'mail' | 'rcpt' | 'data' | 'body';

/** RFC 5321 allows 512 octets a line; some servers write more. Beyond this it is no SMTP. */
const MAX_LINE = 8_192;
const MAX_LINES = 256;
const LINE = /^([2-5]\d\d)(?:([ -])(.*))?$/;
const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)/;
const MAX_DETAIL = 300;

/** Takes octets as they come; gives whole replies, `onBroken` once when it is not SMTP. `pending`: octets behind the last reply given. */
export function replyReader(
  onReply: (reply: SmtpReply) => void,
  onBroken: () => void,
): { readonly take: (chunk: Buffer) => void; readonly pending: () => number } {
  let rest = '';
  let lines: string[] = [];
  let broken = false;
  const line = (text: string): void => {
    const match = LINE.exec(text);
    if (match === null || lines.length > MAX_LINES) {
      broken = true;
      onBroken();
      return;
    }
    lines.push(match[3] ?? '');
    if (match[2] === '-') return;
    const enhanced = ENHANCED.exec(lines[0] ?? '')?.[1];
    const reply = { code: Number(match[1]), lines };
    lines = [];
    onReply(enhanced === undefined ? reply : { ...reply, enhanced });
  };
  let from = 0;
  const take = (chunk: Buffer): void => {
    rest += chunk.toString('latin1');
    for (let end = rest.indexOf('\n'); end >= 0 && !broken; end = rest.indexOf('\n', from)) {
      const text = rest.slice(from, rest[end - 1] === '\r' ? end - 1 : end);
      from = end + 1;
      line(text);
    }
    rest = rest.slice(from);
    from = 0;
    if (rest.length > MAX_LINE && !broken) {
      broken = true;
      onBroken();
    }
  };
  return { take, pending: () => rest.length - from };
}

/** The server's words, for the sealed detail: they may quote addresses. */
export const detailOf = ({ code, lines }: SmtpReply): string =>
  `${code} ${Buffer.from(lines.join(' '), 'latin1').toString('utf8')}`.slice(0, MAX_DETAIL);

/** RFC 3463 and IANA's registry; `x` stands for a class of 4 or 5. */
const BY_ENHANCED: { readonly [subject: string]: string } = {
  'x.1.0': 'mailbox_unavailable',
  'x.1.1': 'mailbox_not_found',
  'x.1.2': 'domain_not_found',
  'x.1.3': 'invalid_address',
  'x.1.6': 'mailbox_moved',
  'x.1.7': 'sender_refused',
  'x.1.8': 'sender_refused',
  'x.1.10': 'domain_takes_no_mail',
  'x.2.0': 'mailbox_unavailable',
  'x.2.1': 'mailbox_disabled',
  'x.2.2': 'mailbox_full',
  'x.2.3': 'message_too_large',
  'x.3.1': 'insufficient_storage',
  'x.3.2': 'service_unavailable',
  'x.3.4': 'message_too_large',
  'x.4.1': 'host_unreachable',
  'x.4.2': 'connection_lost',
  'x.4.4': 'domain_not_found',
  'x.4.5': 'service_congested',
  'x.4.7': 'message_expired',
  'x.5.3': 'too_many_recipients',
  'x.6.7': 'smtputf8_unsupported',
  'x.7.8': 'auth_failed',
  'x.7.9': 'auth_failed',
  'x.7.20': 'sender_unauthenticated',
  'x.7.23': 'sender_unauthenticated',
  'x.7.25': 'sender_unauthenticated',
  'x.7.26': 'sender_unauthenticated',
  'x.7.27': 'domain_takes_no_mail',
  'x.7.28': 'rate_limited',
};
const BY_CODE: { readonly [code: number]: string } = {
  421: 'service_unavailable',
  431: 'insufficient_storage',
  450: 'mailbox_busy',
  451: 'server_error',
  452: 'insufficient_storage',
  454: 'auth_failed',
  523: 'message_too_large',
  530: 'auth_required',
  534: 'auth_failed',
  535: 'auth_failed',
  538: 'auth_requires_tls',
  550: 'mailbox_unavailable',
  551: 'mailbox_moved',
  552: 'message_too_large',
  553: 'invalid_address',
  554: 'refused_by_policy',
  556: 'domain_takes_no_mail',
};
/** Said with a 5xx, and yet no verdict on this message: a full mailbox empties, our credentials can be mended. */
const NOT_FOR_GOOD = new Set([
  'mailbox_full',
  'auth_failed',
  'auth_required',
  'auth_requires_tls',
  'service_unavailable',
  'command_refused',
]);
const THROTTLING = /\b(?:rate|throttl\w*|too (?:many|fast|quickly)|quota|slow down)\b/i;
const AFTER = /\b(?:in|after|for) (\d{1,5}) ?(s(?:ec(?:onds?)?)?|m(?:in(?:utes?)?)?)\b/i;
const MAX_RETRY_AFTER_MS = 3_600_000;

function retryAfterOf(text: string): { readonly retryAfterMs?: number } {
  const match = AFTER.exec(text);
  if (match === null) return {};
  const ms = Number(match[1]) * ((match[2] ?? 's').startsWith('m') ? 60_000 : 1_000);
  return { retryAfterMs: Math.min(ms, MAX_RETRY_AFTER_MS) };
}

function codeByNumber({ code }: SmtpReply, stage: SmtpStage): string {
  // without an enhanced code, 552 to RCPT speaks of the mailbox, to anything else of the message (RFC 5321 4.2.3)
  if (code === 552 && stage === 'rcpt') return 'mailbox_full';
  return BY_CODE[code] ?? (code < 500 ? 'server_error' : code < 510 ? 'command_refused' : 'refused');
}

function codeOf(reply: SmtpReply, stage: SmtpStage): string {
  if (reply.enhanced === undefined) return codeByNumber(reply, stage);
  const status = `x${reply.enhanced.slice(1)}`;
  const policy = status.startsWith('x.7.') ? (reply.code < 500 ? 'deferred_by_policy' : 'refused_by_policy') : undefined;
  return BY_ENHANCED[status] ?? policy ?? codeByNumber(reply, stage);
}

/**
 * A refusal in our words: 5xx is for good and 4xx for now (RFC 5321 4.2.1), with the exceptions above; a 4xx that speaks of rates is
 * `throttled`. A wait that the server names ("try again in 300 seconds") is taken, at most an hour.
 */
export function classifyReply(reply: SmtpReply, stage: SmtpStage): Refused {
  const text = reply.lines.join(' ');
  const code = codeOf(reply, stage);
  const detail = detailOf(reply);
  if (reply.code >= 500 && !NOT_FOR_GOOD.has(code) && stage !== 'greeting' && stage !== 'auth') {
    return { outcome: 'refused', kind: 'permanent', code, detail };
  }
  const throttled = reply.code < 500 && (code === 'rate_limited' || THROTTLING.test(text));
  return {
    outcome: 'refused',
    kind: throttled ? 'throttled' : 'transient',
    code: throttled ? 'rate_limited' : code,
    ...(reply.code < 500 ? retryAfterOf(text) : {}),
    detail,
  };
}
