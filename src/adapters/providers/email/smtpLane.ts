import type { SendResult } from '../../../processes/dispatch/provider.ts';
import type { ComposedEmail } from './composeEmail.ts';
import { classifyReply } from './smtpReply.ts';
import type { Refused, SmtpReply } from './smtpReply.ts';
import { openSession } from './smtpSession.ts';
import type { Capabilities, SmtpSession } from './smtpSession.ts';
import type { SmtpOptions } from './smtpUrl.ts';

/** A mail on its way. `losses`: connections that went before its data had ended. */
export type Job = { readonly mail: ComposedEmail; losses: number; settled: boolean; readonly settle: (result: SendResult) => void };
/** Where lanes get their work from, and give back what another connection may try. */
export interface JobSource {
  next(): Job | undefined;
  again(job: Job): void;
  /** The lane has no connection any more; `refused`: because it could not get one. */
  onClosed(refused?: Refused): void;
}

/** `sent`: the end of the data was handed to the system, so the server may have taken it, whatever happens now. */
type Transaction = { readonly job: Job; sent: boolean; refused: Refused | undefined };
/** A reply that is due. `command`: what is still to be said to get it, where the server takes one command at a time. */
type Slot = { readonly step: 'rset' | 'mail' | 'rcpt' | 'data' | 'body'; readonly transaction: Transaction; command: string | undefined };

/** Octets from which on the end of the data waits until the system has taken the rest: a cut before it is a definite no. */
const LARGE = 65_536;
/** Connections that a message may lose before its data has ended, until it is refused. */
const MAX_LOSSES = 2;

const refusedAs = (code: string, detail?: string): Refused => ({
  outcome: 'refused',
  kind: 'transient',
  code,
  ...(detail === undefined ? {} : { detail }),
});
const forGood = (code: string): Refused => ({ outcome: 'refused', kind: 'permanent', code });

function unsendable({ raw, international }: ComposedEmail, { maxSize, smtpUtf8, eightBit }: Capabilities): Refused | undefined {
  if (maxSize !== undefined && raw.length > maxSize) return forGood('message_too_large');
  return international && !(smtpUtf8 && eightBit) ? forGood('smtputf8_unsupported') : undefined;
}

/** RFC 5321 4.5.2. */
const stuffed = (raw: string): string => (raw.includes('\r\n.') ? raw.replaceAll('\r\n.', '\r\n..') : raw);
const endOf = (raw: string): string => (raw.endsWith('\r\n') ? '.\r\n' : '\r\n.\r\n');

/** 421: this connection is over. Behind the data it is a verdict as well. */
const isGoodbye = ({ step }: Slot, { code }: SmtpReply): boolean => code === 421 && step !== 'body';

const isOk = ({ code }: SmtpReply): boolean => code >= 200 && code < 300;

function refusalOf(step: Slot['step'], reply: SmtpReply): Refused | undefined {
  // a reset that did not work shows in what MAIL is told
  if (step === 'rset') return reply.code === 421 ? classifyReply(reply, 'mail') : undefined;
  const expected = step === 'data' ? reply.code === 354 : isOk(reply);
  return expected ? undefined : classifyReply(reply, step);
}

function settle(job: Job, result: SendResult): void {
  if (job.settled) return;
  job.settled = true;
  job.settle(result);
}

/**
 * One connection and the transactions on it. With PIPELINING the envelope of the next message travels with the data of the one
 * before (RFC 2920 3.1), so a message costs one round trip; with CHUNKING (RFC 3030) several whole messages are under way.
 */
export class SmtpLane {
  state: 'closed' | 'opening' | 'idle' | 'busy' = 'closed';
  readonly #options: SmtpOptions;
  readonly #source: JobSource;
  #session: SmtpSession | undefined;
  #mode: 'single' | 'group' | 'chunk' = 'single';
  #awaiting: Slot[] = [];
  #out = '';
  #needsReset = false;
  #quit = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: SmtpOptions, source: JobSource) {
    this.#options = options;
    this.#source = source;
  }

  /** Takes work if there is some, connecting first where need be. */
  async wake(): Promise<void> {
    if (this.state === 'idle') this.#proceed();
    if (this.state !== 'closed') return;
    this.state = 'opening';
    const session = await openSession(this.#options);
    if ('outcome' in session) {
      this.state = 'closed';
      this.#source.onClosed(session);
      return;
    }
    if (this.#quit) {
      this.state = 'closed';
      session.wire.quit();
      return;
    }
    this.#session = session;
    this.#needsReset = false;
    const { pipelining, chunking } = session.capabilities;
    this.#mode = !(this.#options.pipelining && pipelining) ? 'single' : this.#options.chunking && chunking ? 'chunk' : 'group';
    session.wire.listen({
      onReply: (reply) => {
        this.#onReply(reply);
      },
      onEnd: (code, detail) => {
        this.#lose(refusedAs(code, detail));
      },
    });
    this.#proceed();
  }

  /** The deadline has passed for these: the connection goes with them, for a late reply would be taken for another message's. */
  abandon(jobs: ReadonlySet<Job>): void {
    const mine = this.#awaiting.filter(({ transaction }) => jobs.has(transaction.job));
    if (mine.length === 0) return;
    for (const { transaction } of mine)
      settle(transaction.job, transaction.sent ? { outcome: 'unknown', code: 'timeout' } : refusedAs('timeout'));
    this.#lose(refusedAs('connection_lost'));
  }

  /** Says goodbye, for good. */
  close(): void {
    this.#quit = true;
    this.#hangUp();
  }

  #hangUp(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    this.#session?.wire.quit();
    this.#session = undefined;
    this.state = 'closed';
  }

  /** Starts what may be under way by now, says it in one write, and rests when nothing is. */
  #proceed(): void {
    const session = this.#session;
    if (session === undefined) return;
    while (this.#hasRoom()) {
      const job = this.#nextJob(session.capabilities);
      if (job === undefined) break;
      this.#start(job, session.capabilities);
    }
    if (this.#out !== '') session.wire.write(this.#out);
    this.#out = '';
    this.state = this.#awaiting.length === 0 ? 'idle' : 'busy';
    if (this.state === 'idle') this.#idleTimer ??= setTimeout(() => this.#hangUp(), this.#options.idleMs).unref();
  }

  #hasRoom(): boolean {
    const underWay = this.#awaiting.filter(({ step }) => step === 'body' || step === 'data').length;
    if (this.#mode === 'chunk') return underWay < this.#options.pipeline;
    const head = this.#awaiting[0];
    return underWay === 0 || (this.#mode === 'group' && underWay === 1 && head?.step === 'body' && head.transaction.sent);
  }

  #nextJob(capabilities: Capabilities): Job | undefined {
    for (let job = this.#source.next(); job !== undefined; job = this.#source.next()) {
      const refused = unsendable(job.mail, capabilities);
      if (refused === undefined) return job;
      settle(job, refused);
    }
    return undefined;
  }

  #commandsOf({ raw, from, to, international }: ComposedEmail, sizeOffered: boolean): readonly (readonly [Slot['step'], string])[] {
    const parameters = `${sizeOffered ? ` SIZE=${raw.length}` : ''}${international ? ' BODY=8BITMIME SMTPUTF8' : ''}`;
    const octets = (text: string): string => (international ? Buffer.from(text, 'utf8').toString('latin1') : text);
    // a failed BDAT leaves the state open while the next message is already under way (RFC 3030 2)
    const reset = this.#needsReset || this.#mode === 'chunk';
    return [
      ...(reset ? ([['rset', 'RSET\r\n']] as const) : []),
      ['mail', octets(`MAIL FROM:<${this.#options.sender ?? from}>${parameters}\r\n`)],
      ['rcpt', octets(`RCPT TO:<${to}>\r\n`)],
      this.#mode === 'chunk' ? ['body', `BDAT ${raw.length} LAST\r\n${raw}`] : ['data', 'DATA\r\n'],
    ];
  }

  #start(job: Job, { sizeOffered }: Capabilities): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    const transaction: Transaction = { job, sent: this.#mode === 'chunk', refused: undefined };
    const commands = this.#commandsOf(job.mail, sizeOffered);
    this.#needsReset = false;
    for (const [index, [step, command]] of commands.entries()) {
      const now = this.#mode !== 'single' || index === 0;
      if (now) this.#out += command;
      this.#awaiting.push({ step, transaction, command: now ? undefined : command });
    }
  }

  #onReply(reply: SmtpReply): void {
    const slot = this.#awaiting[0];
    // unasked, on an idle connection: 421 before the server hangs up
    if (slot === undefined) {
      this.#lose(refusedAs('protocol_error'));
      return;
    }
    const refused = refusalOf(slot.step, reply);
    if (refused !== undefined && isGoodbye(slot, reply)) {
      // with BDAT the data is under way, so that no other connection may try
      if (slot.transaction.sent) slot.transaction.refused ??= refused;
      this.#lose(refused);
      return;
    }
    slot.transaction.refused ??= refused;
    this.#awaiting.shift();
    const early = this.#isEarly();
    this.#onStep(slot, reply);
    // it answers what has not been said yet: its words would be taken for verdicts
    if (early) this.#lose(refusedAs('protocol_error'));
    else this.#proceed();
  }

  /** More has come although nothing else was asked. */
  #isEarly(): boolean {
    const [next] = this.#awaiting;
    return (next === undefined || next.command !== undefined) && (this.#session?.wire.pending ?? 0) > 0;
  }

  #onStep({ step, transaction }: Slot, reply: SmtpReply): void {
    if (step === 'body') this.#onBody(transaction, reply);
    else if (step === 'data') this.#onData(transaction, reply);
    else this.#onEnvelope(transaction);
  }

  /** Where one command goes at a time, a refusal ends the transaction; else its other replies are on their way. */
  #onEnvelope(transaction: Transaction): void {
    const next = this.#awaiting[0];
    if (next?.command === undefined) return;
    if (transaction.refused === undefined) {
      this.#out += next.command;
      next.command = undefined;
      return;
    }
    this.#awaiting = this.#awaiting.filter((slot) => slot.transaction !== transaction);
    this.#needsReset = true;
    settle(transaction.job, transaction.refused);
  }

  #onData(transaction: Transaction, reply: SmtpReply): void {
    const { job, refused } = transaction;
    if (refused !== undefined) {
      settle(job, refused);
      this.#needsReset = true;
      // it wants data for nobody; hanging up is the one answer that can't deliver anything
      if (reply.code === 354) this.#lose(refused);
      return;
    }
    const { raw } = job.mail;
    this.#awaiting.unshift({ step: 'body', transaction, command: undefined });
    if (raw.length < LARGE) {
      this.#out += stuffed(raw) + endOf(raw);
      transaction.sent = true;
      return;
    }
    const session = this.#session;
    session?.wire.write(stuffed(raw), () => {
      if (this.#session !== session || job.settled) return;
      this.#out += endOf(raw);
      transaction.sent = true;
      this.#proceed();
    });
  }

  #onBody(transaction: Transaction, reply: SmtpReply): void {
    const { job, sent, refused } = transaction;
    if (refused === undefined && sent) settle(job, { outcome: 'accepted', providerMessageId: job.mail.messageId });
    // it took what it had refused
    else if (refused !== undefined && sent && isOk(reply)) settle(job, { outcome: 'unknown', code: 'protocol_error' });
    else settle(job, refused ?? refusedAs('protocol_error'));
    // answered before the data had ended, or by hanging up
    if (!sent || reply.code === 421) this.#lose(refusedAs('connection_lost'));
  }

  /** The connection is gone. What had not been sent in full is tried on another one, and refused when that one goes too. */
  #lose(refused: Refused): void {
    if (this.#session === undefined) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    this.#session.wire.destroy();
    this.#session = undefined;
    this.#out = '';
    this.state = 'closed';
    const open = new Set(this.#awaiting.map(({ transaction }) => transaction));
    this.#awaiting = [];
    for (const { job, sent, refused: earlier } of open) {
      job.losses += 1;
      if (earlier !== undefined) settle(job, earlier);
      else if (sent) settle(job, { outcome: 'unknown', code: 'connection_lost' });
      else if (job.losses < MAX_LOSSES) this.#source.again(job);
      else settle(job, refused);
    }
    this.#source.onClosed();
  }
}
