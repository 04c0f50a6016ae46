import type { Acceptance, AcceptRequest } from '../../commands/acceptance.ts';
import type { Cancellation, notificationControls } from '../../commands/controlNotifications.ts';
import { present } from '../../domain/kernel/present.ts';
import { isNotificationId } from '../../domain/values/ids.ts';
import type { Position } from '../../domain/values/ids.ts';
import { scheduleIn, toNotificationInput } from '../notificationBody.ts';
import { operation, plain } from '../operation.ts';
import type { Call, Operation, Reply } from '../operation.ts';
import { isRefusal, refuse } from '../problems.ts';
import type { Refusal } from '../problems.ts';
import {
  Cancelled,
  CancelByKeyRequest,
  CancelPending,
  CancelRequest,
  Moved,
  NotificationAccepted,
  RescheduleRequest,
  RetryRequest,
} from '../schemas/acceptance.ts';
import { NotificationRequest } from '../schemas/notification.ts';
import { IdParams } from '../schemas/values.ts';
import { answerOfAcceptance } from '../verdicts.ts';

export type NotificationPorts = {
  readonly accept: (requests: readonly AcceptRequest[]) => Promise<readonly Acceptance[]>;
  readonly controls: ReturnType<typeof notificationControls>;
};

const tag = 'Notifications';

/** An id that no notification can have names none. */
export const noNotification = (): Refusal => refuse('notification_not_found', 'There is no notification of this id.');

/** The correlation is the caller's own where the body names one. */
export const acceptRequestOf = (
  { access, caller }: Pick<Call<unknown, unknown, unknown>, 'access' | 'caller'>,
  input: AcceptRequest['input'],
): AcceptRequest => ({
  input,
  caller: { ...caller, correlationId: input.context?.correlationId ?? caller.correlationId },
  mode: access.mode,
});

function answerOfCancellation(outcome: Cancellation | Refusal): Reply {
  if (isRefusal(outcome)) return outcome;
  const { cancelled, alreadySent, pending, position } = outcome;
  const counts = { cancelled, alreadySent };
  const at = present({ position });
  return pending ? { status: 202, body: { status: 'pending', ...counts }, ...at } : { status: 200, body: counts, ...at };
}

const answerOfMove = (outcome: { readonly moved: number; readonly position?: Position } | Refusal): Reply =>
  isRefusal(outcome) ? outcome : { status: 202, body: { deliveries: outcome.moved }, ...present({ position: outcome.position }) };

const cancellation = {
  200: { description: 'What was cancelled, and what had been sent already.', schema: Cancelled },
  202: { description: 'Some of it is being handed off at this moment; look again.', schema: CancelPending },
} as const;

/** Requests and what can be done to them afterwards. */
export const notificationRoutes = ({ accept, controls }: NotificationPorts): readonly Operation[] => [
  operation({
    ...plain,
    id: 'requestNotification',
    method: 'post',
    path: '/v1/notifications',
    tag,
    summary: 'Tell 1 to 500 recipients something',
    description:
      'Nothing is accepted that is not durable. Malformed addresses are verdicts about their recipient, not errors of the request.',
    scope: 'send',
    idempotent: true,
    body: NotificationRequest,
    responses: { 202: { description: 'Accepted, with a verdict for each recipient.', schema: NotificationAccepted } },
    handler: async (call) => {
      const [outcome] = await accept([acceptRequestOf(call, toNotificationInput(call.body))]);
      if (outcome === undefined) return refuse('unavailable', 'Try again, with the same Idempotency-Key.');
      return answerOfAcceptance(outcome, call.body.content);
    },
  }),
  operation({
    ...plain,
    id: 'cancelNotification',
    method: 'post',
    path: '/v1/notifications/{id}/cancel',
    tag,
    summary: 'Cancel what has not been sent',
    scope: 'send',
    params: IdParams,
    body: CancelRequest,
    bodyOptional: true,
    responses: cancellation,
    handler: async ({ caller, params: { id }, body: { reason }, signal }) =>
      isNotificationId(id) ? answerOfCancellation(await controls.cancel(caller, id, { ...present({ reason }), signal })) : noNotification(),
  }),
  operation({
    ...plain,
    id: 'cancelByKey',
    method: 'post',
    path: '/v1/notifications/cancel',
    tag,
    summary: 'Cancel what was requested under a key of your own',
    scope: 'send',
    body: CancelByKeyRequest,
    responses: cancellation,
    handler: async ({ caller, body: { reason, ...which }, signal }) =>
      answerOfCancellation(await controls.cancelByKey(caller, which, { ...present({ reason }), signal })),
  }),
  operation({
    ...plain,
    id: 'rescheduleNotification',
    method: 'post',
    path: '/v1/notifications/{id}/reschedule',
    tag,
    summary: 'Move what has not been started to another time',
    scope: 'send',
    params: IdParams,
    body: RescheduleRequest,
    responses: { 202: { description: 'Moved.', schema: Moved } },
    handler: async ({ caller, params: { id }, body }) =>
      isNotificationId(id) ? answerOfMove(await controls.reschedule(caller, id, scheduleIn(body.schedule))) : noNotification(),
  }),
  operation({
    ...plain,
    id: 'retryNotification',
    method: 'post',
    path: '/v1/notifications/{id}/retry',
    tag,
    summary: 'Send its dead letters on their way again',
    scope: 'send',
    params: IdParams,
    body: RetryRequest,
    bodyOptional: true,
    responses: { 202: { description: 'On their way again, with a fresh look at the gates.', schema: Moved } },
    handler: async ({ caller, params: { id }, body }) =>
      isNotificationId(id) ? answerOfMove(await controls.redrive(caller, id, undefined, body.reason)) : noNotification(),
  }),
];
