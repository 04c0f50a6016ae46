import type { Clock } from '../../../commands/ports.ts';
import type { EmailMessage, Outgoing, Provider, SendResult } from '../../../processes/dispatch/provider.ts';
import { byteBudget } from '../byteBudget.ts';
import { emailComposer } from './composeEmail.ts';
import type { ComposeEmail } from './composeEmail.ts';
import { dkimSigner } from './dkim.ts';
import type { DkimKey } from './dkim.ts';
import { SmtpLane } from './smtpLane.ts';
import type { Job } from './smtpLane.ts';
import type { Refused } from './smtpReply.ts';
import type { SmtpOptions } from './smtpUrl.ts';

/** What the deadline of `send` leaves for settling, in milliseconds. */
const SETTLING_MS = 500;

/** What mails with attachments may hold of memory at a time, and how many times its files such a mail is large on its way. */
const FILES_BYTES = 64 * 1024 * 1024;
const FILES_FACTOR = 4;

/** A call of `send`: what it has under way, and once its time is over, what that means for what has not left. */
type Call = { readonly jobs: Set<Job>; over: SendResult | undefined };
const RETURNED: SendResult = { outcome: 'returned' };

const filesBytes = (message: EmailMessage): number => message.attachments.reduce((sum, { content }) => sum + content.byteLength, 0);

const refusedAs = (code: string, kind: Refused['kind']): Refused => ({ outcome: 'refused', kind, code });

/** A pool of connections over one queue. Lanes take from it what they can carry, so that a slow one holds nobody up. */
class SmtpPool implements Provider {
  readonly id: string;
  /** SMTP has no such thing. The Message-ID derives from the key, so that a reader can tell a doubled mail. */
  readonly takesKeys = false;
  readonly deadlineMs: number;
  readonly window: number;
  readonly #options: SmtpOptions;
  readonly #compose: ComposeEmail;
  readonly #lanes: readonly SmtpLane[];
  readonly #calls = new Map<Call, Promise<unknown>>();
  readonly #memory = byteBudget(FILES_BYTES);
  #queue: Job[] = [];
  #closed = false;

  constructor(id: string, options: SmtpOptions, compose: ComposeEmail) {
    this.id = id;
    this.#options = options;
    this.#compose = compose;
    this.deadlineMs = options.deadlineMs + SETTLING_MS;
    this.window = options.connections * options.pipeline;
    this.#lanes = Array.from(
      { length: options.connections },
      () =>
        new SmtpLane(options, {
          next: () => this.#next(),
          again: (job) => {
            this.#again(job);
          },
          onClosed: (refused) => {
            this.#onLaneClosed(refused);
          },
        }),
    );
  }

  send(messages: readonly Outgoing[], signal?: AbortSignal): Promise<readonly SendResult[]> {
    const call: Call = { jobs: new Set(), over: signal?.aborted === true ? RETURNED : undefined };
    const over = (): void => {
      this.#keep(call, refusedAs('timeout', 'transient'));
      for (const lane of this.#lanes) lane.abandon(call.jobs);
    };
    const leaveOff = (): void => {
      this.#keep(call, RETURNED);
    };
    signal?.addEventListener('abort', leaveOff, { once: true });
    // Timers come first in a turn of the loop: a process that was held up hears what its connections have brought meanwhile.
    const timer = setTimeout(() => setImmediate(over), this.#options.deadlineMs);
    const answered = Promise.all(messages.map((outgoing) => this.#deliver(outgoing, call))).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leaveOff);
      this.#calls.delete(call);
    });
    this.#calls.set(call, answered);
    return answered;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#calls.values()]);
    for (const lane of this.#lanes) lane.close();
  }

  async #deliver({ message, key }: Outgoing, call: Call): Promise<SendResult> {
    if (this.#closed) return refusedAs('provider_closed', 'transient');
    if (message.channel !== 'email') return refusedAs('unsupported_channel', 'permanent');
    const files = filesBytes(message);
    if (files === 0) return this.#mail(message, key, call);
    const giveBack = await this.#memory.take(FILES_FACTOR * files);
    try {
      return await this.#mail(message, key, call);
    } finally {
      giveBack();
    }
  }

  async #mail(message: EmailMessage, key: string, call: Call): Promise<SendResult> {
    if (call.over !== undefined) return call.over;
    const mail = await this.#compose(message, key);
    if ('refused' in mail) return refusedAs(mail.refused, 'permanent');
    if (call.over !== undefined) return call.over;
    return new Promise((settle) => {
      const job: Job = { mail, losses: 0, settled: false, settle };
      call.jobs.add(job);
      this.#queue.push(job);
      this.#wake();
    });
  }

  #next(): Job | undefined {
    let job = this.#queue.shift();
    while (job?.settled === true) job = this.#queue.shift();
    return job;
  }

  /** Lanes that are connected first, then new ones, as many as there is work for. */
  #wake(): void {
    for (const lane of this.#lanes) if (this.#queue.length > 0 && lane.state === 'idle') void lane.wake();
    let wanted = this.#queue.length - this.#lanes.filter(({ state }) => state === 'opening').length;
    for (const lane of this.#lanes) {
      if (wanted <= 0) return;
      if (lane.state !== 'closed') continue;
      wanted -= 1;
      void lane.wake();
    }
  }

  /** As long as one lane has a connection or hopes for one it carries the queue; when the last could get none, the queue is refused. */
  #onLaneClosed(refused: Refused | undefined): void {
    if (refused === undefined) {
      this.#wake();
      return;
    }
    if (this.#lanes.some(({ state }) => state !== 'closed')) return;
    const queue = this.#queue;
    this.#queue = [];
    for (const job of queue) {
      if (job.settled) continue;
      job.settled = true;
      job.settle(refused);
    }
  }

  /** Nothing of this call leaves any more; what is out already is answered by its server. */
  #keep(call: Call, result: SendResult): void {
    call.over ??= result;
    for (const job of this.#queue) {
      if (!call.jobs.has(job) || job.settled) continue;
      job.settled = true;
      job.settle(result);
    }
    this.#queue = this.#queue.filter((job) => !job.settled);
  }

  /** Its connection went before its data had ended. */
  #again(job: Job): void {
    this.#queue.unshift(job);
    for (const call of this.#calls.keys()) if (call.over !== undefined && call.jobs.has(job)) this.#keep(call, call.over);
  }
}

/**
 * E-mail by SMTP (RFC 5321). Outcomes: the server's verdicts (`classifyReply`); what fails before the data has ended is a definite
 * no; a connection that goes after it, or no answer within the deadline, is `unknown`.
 * @throws PortError `invalid`, `dkim_key_invalid`.
 */
export function smtpProvider(
  options: SmtpOptions,
  { clock, dkim = [], id = 'smtp' }: { readonly clock: Pick<Clock, 'epochMs'>; readonly dkim?: readonly DkimKey[]; readonly id?: string },
): Provider {
  const compose = emailComposer(dkim.length === 0 ? { clock } : { clock, dkim: dkimSigner(dkim) });
  return new SmtpPool(id, options, compose);
}
