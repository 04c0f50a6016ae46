import { Type } from 'typebox';
import { answer, ChannelName, closed, InstantOut, nullable, oneOf, OutsideId, PositionOut, RecipientId, span } from './values.ts';

const TracedEvent = closed({
  at: InstantOut,
  event: Type.String(),
  what: Type.String(),
  code: Type.Optional(Type.String()),
  provider: Type.Optional(Type.String()),
  attempt: Type.Optional(Type.Integer()),
  position: PositionOut,
});

export const Explanation = answer('Explanation', {
  deliveryId: Type.String(),
  notificationId: Type.String(),
  recipientId: Type.String(),
  channel: ChannelName,
  gates: Type.Array(
    closed({
      gate: Type.String({ description: 'The rule.' }),
      verdict: oneOf(['pass', 'suppress', 'defer']),
      code: Type.Optional(Type.String()),
      because: Type.String(),
      facts: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'What the gate read, with versions.' })),
      at: InstantOut,
    }),
    { description: 'All that were asked when it was last planned, not only the first no.' },
  ),
  timeline: Type.Array(TracedEvent, {
    description: 'The delivery’s events in the order of the log, also what was heard of it after its hand-off (`EngagementRecorded`).',
  }),
  sentence: Type.String({ description: 'For a person to read; written on reading.' }),
});

/** Of somebody for whom nothing was ever planned: there is no delivery to explain. */
export const RefusalExplanation = answer('RefusalExplanation', {
  status: Type.Literal('rejected_at_accept'),
  notificationId: nullable(Type.String({ description: 'Of those who were not refused; null: nobody was left.' })),
  batchId: Type.Optional(Type.String()),
  index: Type.Optional(Type.Integer({ description: 'Place among the recipients of the notification or the request, from 0.' })),
  line: Type.Optional(Type.Integer({ description: 'Of a batch without a notification: the recipient’s line, from 1.' })),
  recipientId: Type.String(),
  type: Type.String({ description: 'Of the message.' }),
  code: Type.String({ description: 'As the verdict on the recipient said it: `invalid_email`.' }),
  detail: Type.String({ description: 'What to do about it.' }),
  gates: Type.Array(Type.Unknown(), { maxItems: 0, description: 'None was asked.' }),
  timeline: Type.Array(TracedEvent),
  sentence: Type.String({ description: 'For a person to read; written on reading.' }),
});
export const Explanations = answer('Explanations', {
  data: Type.Array(Type.Union([Explanation, RefusalExplanation])),
  code: Type.Optional(
    Type.String({
      description:
        'Where no delivery is explained. `never_requested`: nothing of the kind was asked for; `rejected_at_accept`: it was asked for, and ' +
        'this person was refused; `erased`: the person has been erased, and nothing can be told.',
    }),
  ),
  sentence: Type.Optional(Type.String({ description: 'With a code.' })),
});
export const ExplainNotificationQuery = closed({ recipientId: RecipientId });
export const ExplainQuery = closed(
  {
    recipientId: Type.Optional(RecipientId),
    email: Type.Optional(Type.String({ minLength: 3, maxLength: 512 })),
    type: Type.Optional(OutsideId),
    ...span,
  },
  {
    oneOf: [
      { type: 'object', required: ['recipientId'] },
      { type: 'object', required: ['email'] },
    ],
    'x-message': 'needs the person by recipientId or by email',
  },
);
