import type { Fact } from '../kernel/decider.ts';
import type { Personal } from '../kernel/personal.ts';
import type { Priority } from '../values/channel.ts';
import type { BatchId, KeyedHash, NotificationId, SubjectId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import type { Message, OwnPart, Terms } from '../values/message.ts';
import type { Schedule } from '../values/schedule.ts';
import type { Trace, VerdictCode } from '../values/verdict.ts';

/** Addresses and particulars that came with the request and count for this message only. */
export type InlinePerson = {
  readonly email?: string;
  readonly phone?: string;
  readonly pushToken?: string;
  readonly webhookUrl?: string;
  readonly walletId?: string;
  readonly name?: string;
  readonly locale?: string;
  readonly timeZone?: string;
};
export type RequestedRecipient = {
  /** Place in the request; with the channel's number it makes a delivery's n. */
  readonly index: number;
  readonly subject: SubjectId;
  readonly person?: Personal<InlinePerson>;
  readonly own?: Personal<OwnPart>;
};
/** `subject`: who it was, where the name could be read; nothing personal in `detail`. */
export type RecipientRefusal = { readonly index: number; readonly code: string; readonly detail: string; readonly subject?: SubjectId };

export type NotificationRequested = Fact<
  'NotificationRequested',
  {
    readonly notificationId: NotificationId;
    readonly requestedAt: Instant;
    readonly terms: Terms;
    readonly recipients: readonly RequestedRecipient[];
    readonly refused: readonly RecipientRefusal[];
    /** Whose key seals `message`: set when there is one recipient. */
    readonly soleSubject?: SubjectId;
    /** Absent in a chunk: the batch's stream holds it. */
    readonly message?: Personal<Message>;
    readonly batch?: { readonly batchId: BatchId; readonly chunk: number };
    /** Keyed digest of the canonical request: a repeat under the same id is recognised by it. */
    readonly request: KeyedHash;
    /** From when on it is to be planned. */
    readonly planAt: Instant;
  }
>;

/** Deliveries (their n) to which the same happened, with the place of their trace in `traces`. */
export type PlannedGroup = { readonly items: readonly number[]; readonly trace: number } & (
  | { readonly plan: 'go' }
  | { readonly plan: 'suppress'; readonly code: VerdictCode }
  | { readonly plan: 'defer'; readonly code: VerdictCode; readonly until: Instant }
  /** It cannot be made: the template and its variables do not render. */
  | { readonly plan: 'fail'; readonly code: string }
  /** The channel is not needed now (routing `first`), or does not reach the person and nobody named it: no delivery comes of it. */
  | { readonly plan: 'leave' }
);

/** Routing `first`: channels that were left and are needed after all, since the one before did not do: planned from then on. */
export type Escalated = { readonly items: readonly number[]; readonly at: Instant };

/** What every later event repeats: whose it is, which month it is filed under, how urgent what follows is. */
type OfNotification = { readonly notificationId: NotificationId; readonly requestedAt: Instant; readonly priority: Priority };

export type DeliveriesPlanned = Fact<
  'DeliveriesPlanned',
  OfNotification & {
    readonly plannedAt: Instant;
    readonly traces: readonly Trace[];
    readonly planned: readonly PlannedGroup[];
    /** What goes but is not started in the same append, and from when on: these ask for a hand-off. */
    readonly later: readonly { readonly items: readonly number[]; readonly at: Instant }[];
    readonly escalated: readonly Escalated[];
    /** What goes under the request's dedup key. Planners compete in a table; this is what it is made of again where it was lost. */
    readonly reserved?: {
      readonly key: KeyedHash;
      readonly until: Instant;
      readonly holders: readonly { readonly n: number; readonly subject: SubjectId }[];
    };
  }
>;

export type StartedGroup = {
  readonly items: readonly number[];
  /** Counts on only after a definite refusal of every start, so that an open outcome keeps its key. */
  readonly attempt: number;
  readonly provider: string;
  readonly locale?: string;
};

/** Written before anything leaves: from here the log knows what is in flight. Its revision is the fence. */
export type HandOffStarted = Fact<
  'HandOffStarted',
  OfNotification & {
    readonly claim: string;
    /** The claim's end: after it, an open start is recovered. */
    readonly until: Instant;
    readonly startedAt: Instant;
    readonly started: readonly StartedGroup[];
  }
>;

/**
 * `sent`: accepted, wins however late; `retry`: refused for now, or no answer and another try is allowed (`doubt`); `returned`: not
 * called, the claim had no time left or its process was to end; `failed`: refused for good; `dead`: the attempts ran out.
 */
export type HandOffResult = {
  readonly items: readonly number[];
  readonly attempt: number;
  readonly provider: string;
  /** Ours: `mailbox_unavailable`, `timeout`, … */
  readonly code?: string;
} & (
  | {
      readonly result: 'sent';
      readonly captured?: true;
      /** One per item; null where the provider gave none. */ readonly messageIds?: readonly (string | null)[];
    }
  | {
      readonly result: 'retry';
      readonly doubt: boolean;
      /** False: the try is not held against the delivery (throttled). */ readonly counts: boolean;
      readonly retryAt: Instant;
    }
  | { readonly result: 'returned'; readonly retryAt: Instant }
  | { readonly result: 'failed' | 'dead' | 'unknown' | 'cancelled' }
);
export type HandOffRecorded = Fact<
  'HandOffRecorded',
  OfNotification & {
    readonly claim: string;
    readonly recordedAt: Instant;
    readonly results: readonly HandOffResult[];
    /** The providers' own words: they may quote an address. */
    readonly details: readonly { readonly n: number; readonly subject: SubjectId; readonly detail: Personal<string> }[];
    readonly escalated: readonly Escalated[];
  }
>;

/** An operator sends dead letters (failed, dead, unknown) on their way again, with a fresh look at the gates. */
export type DeliveriesRedriven = Fact<
  'DeliveriesRedriven',
  OfNotification & { readonly items: readonly number[]; readonly redrivenAt: Instant; readonly reason?: Personal<string> }
>;

/** Only what waits moves. `schedule` is absent when a pause ends: then what was held back by it is simply due. */
export type NotificationRescheduled = Fact<
  'NotificationRescheduled',
  OfNotification & {
    readonly schedule?: Schedule;
    readonly planAt: Instant;
    readonly items: readonly number[];
    readonly rescheduledAt: Instant;
  }
>;

/** `items`: what it ends, never one with an open start; `open`: in flight at that moment, whose results still decide. */
export type NotificationCancelled = Fact<
  'NotificationCancelled',
  OfNotification & {
    readonly items: readonly number[];
    readonly open: readonly number[];
    readonly cancelledAt: Instant;
    /** The caller's own words. */
    readonly reason?: Personal<string>;
  }
>;

export type NotificationEvent =
  | NotificationRequested
  | DeliveriesPlanned
  | HandOffStarted
  | HandOffRecorded
  | DeliveriesRedriven
  | NotificationRescheduled
  | NotificationCancelled;
