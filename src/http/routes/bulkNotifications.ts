import type { Acceptance, AcceptRequest } from '../../commands/acceptance.ts';
import { isAccepted } from '../../commands/acceptance.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { answerOfBulk, inOrder, keyOfLine, linesOf, type Told } from '../bulk.ts';
import type { Line } from '../lines.ts';
import { toNotificationInput } from '../notificationBody.ts';
import { invalidBody, plain, uploadOperation } from '../operation.ts';
import type { Call, Incoming, Operation } from '../operation.ts';
import { isRefusal, problemOf, refuse } from '../problems.ts';
import type { Refusal } from '../problems.ts';
import { BulkRequest, BulkRequestDescribed, BulkVerdict, BulkVerdicts } from '../schemas/acceptance.ts';
import { BulkNotification } from '../schemas/notification.ts';
import type { BulkBody } from '../schemas/notification.ts';
import { refusalOf } from '../serve.ts';
import type { Check, Checks } from '../validation.ts';
import { acceptedBody, answerOfAcceptance } from '../verdicts.ts';
import { acceptRequestOf } from './notifications.ts';

export type BulkPorts = {
  readonly accept: (requests: readonly AcceptRequest[]) => Promise<readonly Acceptance[]>;
  readonly checks: Checks;
  readonly failed: (error: unknown, requestId: string) => void;
};
type BulkCall = Call<object, object, Incoming<{ readonly notifications: readonly unknown[] }>>;

function requestOf(call: BulkCall, line: Line, { idempotencyKey, ...body }: BulkBody): AcceptRequest {
  const { idempotencyKey: ofRequest, ...caller } = call.caller;
  const key = keyOfLine(idempotencyKey, ofRequest, line);
  return acceptRequestOf({ ...call, caller: key === undefined ? caller : { ...caller, idempotencyKey: key } }, toNotificationInput(body));
}

function parsed(line: Line, check: Check<BulkBody>): BulkBody | Refusal {
  if (!line.ok) return refuse(line.code, line.detail);
  const checked = check(line.value);
  return checked.ok ? checked.value : invalidBody(checked.errors);
}

type Verdict = { readonly index: number; readonly content: object | undefined; readonly outcome: Acceptance | Refusal };

function verdictOf({ index, content, outcome }: Verdict, call: BulkCall, { failed }: BulkPorts): Told {
  if (!(outcome instanceof PortError) && !isRefusal(outcome) && isAccepted(outcome))
    return {
      verdict: { index, status: 202, ...(outcome.replayed && { replayed: true }), notification: acceptedBody(outcome) },
      position: outcome.position,
    };
  const refusal = outcome instanceof PortError ? refusalOf(outcome, (it) => failed(it, call.requestId)) : refusedOf(outcome, content);
  const problem = problemOf(refusal, call.requestId);
  return { verdict: { index, status: problem.status, problem } };
}

function refusedOf(outcome: Exclude<Acceptance, PortError> | Refusal, content: object | undefined): Refusal {
  if (isRefusal(outcome)) return outcome;
  const answer = answerOfAcceptance(outcome, content);
  return isRefusal(answer) ? answer : refuse('internal_error', 'Try again.');
}

/** One append for all that is valid in a group; a failure of the whole group is each line's problem, and the next group is tried. */
async function workOn(group: readonly Line[], check: Check<BulkBody>, call: BulkCall, ports: BulkPorts): Promise<readonly Told[]> {
  const read = group.map((line) => ({ line, body: parsed(line, check) }));
  const valid = read.flatMap(({ line, body }) => (isRefusal(body) ? [] : [{ index: line.index, request: requestOf(call, line, body) }]));
  const outcomes =
    valid.length === 0
      ? []
      : await acceptedOrFailed(
          valid.map(({ request }) => request),
          ports,
        );
  const byIndex = new Map(valid.map(({ index }, place) => [index, outcomes[place]]));
  return read.map(({ line: { index }, body }) => {
    if (isRefusal(body)) return verdictOf({ index, content: undefined, outcome: body }, call, ports);
    const outcome = byIndex.get(index) ?? refuse('unavailable', 'Send this line again.');
    return verdictOf({ index, content: body.content, outcome }, call, ports);
  });
}

async function acceptedOrFailed(requests: readonly AcceptRequest[], { accept }: BulkPorts): Promise<readonly Acceptance[]> {
  try {
    return await accept(requests);
  } catch (error) {
    if (error instanceof PortError) return requests.map(() => error);
    throw error;
  }
}

/** How many entries of a JSON bulk go into one append. */
const GROUP = 100;

export const bulkNotificationRoutes = (ports: BulkPorts): readonly Operation[] => {
  const check = ports.checks.body(BulkNotification);
  return [
    uploadOperation({
      ...plain,
      id: 'requestNotifications',
      method: 'post',
      path: '/v1/notifications/bulk',
      tag: 'Notifications',
      summary: 'Many requests at once, each with a verdict of its own, in order',
      description:
        'Up to 1,000 as JSON, any number as NDJSON: verdicts come back while lines are still being sent, so read while you write. ' +
        'NDJSON is answered with NDJSON, one verdict a line.',
      scope: 'send',
      idempotent: true,
      body: BulkRequest,
      described: BulkRequestDescribed,
      upload: { kind: 'lines', line: BulkNotification },
      responses: { 200: { description: 'A verdict for each, in order.', schema: BulkVerdicts, lines: BulkVerdict } },
      handler: async (call) => {
        const { body } = call;
        const lines = body.kind === 'lines' ? body.lines : linesOf(body.kind === 'json' ? body.value.notifications : [], GROUP);
        const verdicts = inOrder(lines, (group) => workOn(group, check, call, ports));
        return answerOfBulk(verdicts, body.kind === 'lines');
      },
    }),
  ];
};
