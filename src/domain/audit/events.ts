import type { Fact } from '../kernel/decider.ts';
import type { Actor } from '../kernel/metadata.ts';
import type { SubjectId } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';

/** What every entry says. Nothing personal: people are named by subject, actors by our ids. */
type Entry = {
  readonly at: Instant;
  readonly actor: Actor;
  /** The operation of the API: `getRecipient`, `publishTemplate`. */
  readonly action: string;
  /** `<noun>/<id>` as in its path: `templates/welcome`; never a recipientId. */
  readonly resource: string;
  /** Whom it concerns. */
  readonly subject?: SubjectId;
  readonly requestId: string;
};
/** Somebody saw personal data unmasked. */
export type AccessEntry = Entry;
/** A command was refused. `code`: of the rejection; `refused`: whom a message was asked for, where each of them was the reason. */
export type RejectionEntry = Entry & { readonly code: string; readonly refused?: RefusedPeople };
/** `type`: of the message. `index`: place in the request; nothing personal in `detail`. */
export type RefusedPeople = {
  readonly type: string;
  readonly people: readonly { readonly index: number; readonly subject: SubjectId; readonly code: string; readonly detail: string }[];
};
/** Somebody changed what the service does: keys, settings, catalogue, templates, consumers. */
export type AdministrationEntry = Entry;

/** Each holds many entries, in the order in which they happened. */
export type AccessRecorded = Fact<'AccessRecorded', { readonly entries: readonly AccessEntry[] }>;
export type CommandRejected = Fact<'CommandRejected', { readonly entries: readonly RejectionEntry[] }>;
export type AdministrationRecorded = Fact<'AdministrationRecorded', { readonly entries: readonly AdministrationEntry[] }>;

export type AuditEvent = AccessRecorded | CommandRejected | AdministrationRecorded;
