import { Type } from 'typebox';
import { BATCH_STATUSES } from '../../domain/values/batchStatus.ts';
import { MessageRequest, messageMembers, Recipient, ScheduleSchema } from './notification.ts';
import { answer, closed, InstantOut, nullable, oneOf, page, PositionOut, Reason } from './values.ts';

/** Each recipient is checked by itself: a wrong one is a rejected line, not a refused batch. */
export const BatchRequest = closed({ ...messageMembers, recipients: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 20_000 }) });
export const BatchRequestDescribed = closed(
  { ...messageMembers, recipients: Type.Array(Recipient, { minItems: 1, maxItems: 20_000 }) },
  { title: 'BatchRequest' },
);
export { MessageRequest, Recipient };

export const BatchAccepted = answer('BatchAccepted', {
  id: Type.String(),
  accepted: Type.Integer({ description: 'Recipients.' }),
  rejected: Type.Integer({ description: 'Lines; GET …/rejections lists them.' }),
  position: Type.Optional(PositionOut),
});
export const Batch = answer('Batch', {
  id: Type.String(),
  status: oneOf(BATCH_STATUSES, '`closed`: all its lines are there.'),
  type: Type.String(),
  category: Type.String(),
  createdAt: InstantOut,
  closedAt: nullable(InstantOut),
  cancelledAt: nullable(InstantOut),
  planAt: InstantOut,
  accepted: Type.Integer(),
  rejected: Type.Integer(),
  counts: Type.Record(Type.String(), Type.Integer(), { description: 'Deliveries by status.' }),
  outcomes: Type.Record(Type.String(), Type.Integer(), { description: 'Deliveries by outcome.' }),
});
export const BatchPage = page('BatchPage', Batch);
export const Rejection = answer('LineRejection', { line: Type.Integer(), code: Type.String(), detail: Type.String() });
export const RejectionPage = page('LineRejectionPage', Rejection);
export const BatchCancelRequest = closed({ reason: Type.Optional(Reason) }, { title: 'BatchCancelRequest' });
export const BatchRescheduleRequest = closed({ schedule: ScheduleSchema }, { title: 'BatchRescheduleRequest' });
export const BatchSteered = answer('BatchSteered', { id: Type.String() });
