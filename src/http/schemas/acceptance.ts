import { Type } from 'typebox';
import { BulkNotification, ScheduleSchema } from './notification.ts';
import { answer, closed, InstantOut, oneOf, PositionOut, Reason, RecipientId } from './values.ts';

/** What a command about notifications answers. */
export const RecipientVerdict = answer('RecipientVerdict', {
  index: Type.Integer({ minimum: 0, description: 'The place in the request.' }),
  recipientId: Type.Optional(Type.String({ description: 'Yours, or the `addr_…` by which every other call knows an inline person.' })),
  status: oneOf(['accepted', 'rejected']),
  code: Type.Optional(Type.String({ description: 'Why it was rejected.' })),
  detail: Type.Optional(Type.String({ description: 'What to correct.' })),
});
export const NotificationAccepted = answer('NotificationAccepted', {
  id: Type.String(),
  status: Type.Literal('accepted'),
  createdAt: InstantOut,
  position: PositionOut,
  recipients: Type.Array(RecipientVerdict),
});
/** Of one line of a bulk request; a problem is as it would have been alone. */
export const BulkVerdict = answer('BulkVerdict', {
  index: Type.Integer({ minimum: 0 }),
  status: Type.Integer(),
  replayed: Type.Optional(Type.Boolean()),
  notification: Type.Optional(NotificationAccepted),
  problem: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export const BulkVerdicts = answer('BulkVerdicts', { data: Type.Array(BulkVerdict) });

/** Each is checked by itself, so that one wrong request does not refuse the others. */
export const BulkRequest = closed({ notifications: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 1000 }) });
export const BulkRequestDescribed = closed(
  { notifications: Type.Array(BulkNotification, { minItems: 1, maxItems: 1000 }) },
  { title: 'BulkRequest' },
);

export const CancelRequest = closed({ reason: Type.Optional(Reason) }, { title: 'CancelRequest' });
export const CancelByKeyRequest = closed(
  {
    key: Type.String({ minLength: 1, maxLength: 256 }),
    recipientIds: Type.Optional(Type.Array(RecipientId, { minItems: 1, maxItems: 500 })),
    reason: Type.Optional(Reason),
  },
  { title: 'CancelByKeyRequest' },
);
export const RescheduleRequest = closed({ schedule: ScheduleSchema }, { title: 'RescheduleRequest' });
export const RetryRequest = closed({ reason: Type.Optional(Reason) }, { title: 'RetryRequest' });

export const Cancelled = answer('Cancelled', { cancelled: Type.Integer(), alreadySent: Type.Integer() });
export const CancelPending = answer('CancelPending', {
  status: Type.Literal('pending'),
  cancelled: Type.Integer(),
  alreadySent: Type.Integer(),
});
export const Moved = answer('Moved', { deliveries: Type.Integer({ description: 'How many are on their way again.' }) });
