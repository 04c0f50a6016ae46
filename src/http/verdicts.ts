import type { Acceptance, Accepted, NotAccepted } from '../commands/acceptance.ts';
import { isAccepted } from '../commands/acceptance.ts';
import { PortError } from '../domain/kernel/portError.ts';
import type { Rejection } from '../domain/kernel/rejection.ts';
import type { Answer } from './operation.ts';
import type { Refusal } from './problems.ts';

/** Several refusals of one request → one problem, each with its place. */
export function refusalOfAll(problems: readonly Rejection[], more: Omit<Refusal, 'rejected' | 'detail'> = {}): Refusal {
  const [first = { rejected: 'validation_failed', detail: 'The request was refused.' }] = problems;
  const errors = problems.flatMap(({ path, detail }) => (path === undefined ? [] : [{ path, message: detail }]));
  return { ...first, ...(errors.length > 0 && { errors }), ...more };
}

/** Content given at the top level is e-mail to everyone inside: its paths are told as they were written. */
export function asWritten(content: object | undefined, refusal: Refusal): Refusal {
  if (content === undefined || !('subject' in content) || refusal.errors === undefined) return refusal;
  return { ...refusal, errors: refusal.errors.map((it) => ({ ...it, path: it.path.replace(/^\/content\/email(?=\/|$)/, '/content') })) };
}

const refusalOfAcceptance = ({ problems, recipients }: NotAccepted): Refusal =>
  refusalOfAll(problems, recipients === undefined ? {} : { more: { recipients } });

export const acceptedBody = ({ id, createdAt, position, recipients }: Accepted): object => ({
  id,
  status: 'accepted',
  createdAt,
  position,
  recipients,
});

/** `content`: as the body has it. @throws PortError if the outcome is one. */
export function answerOfAcceptance(outcome: Acceptance, content?: object): Answer | Refusal {
  if (outcome instanceof PortError) throw outcome;
  if (!isAccepted(outcome)) return asWritten(content, refusalOfAcceptance(outcome));
  return {
    status: 202,
    body: acceptedBody(outcome),
    position: outcome.position,
    replayed: outcome.replayed,
    headers: { Location: `/v1/notifications/${outcome.id}` },
  };
}
