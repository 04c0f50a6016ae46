import { assertNever } from '../../domain/kernel/assertNever.ts';
import type { Recorded } from '../../domain/kernel/metadata.ts';
import { nOf } from '../../domain/notification/delivery.ts';
import type { DeliveriesPlanned, HandOffRecorded, NotificationEvent, NotificationRequested } from '../../domain/notification/events.ts';
import type { Instant } from '../../domain/values/instant.ts';
import type { ActionKind, Ask, Process, Reaction, Settle } from '../process.ts';

/**
 * What the events of a notification leave to be done (docs/architecture.md): a function of the log, blind to its fold, checked against
 * the model. Planning and hand-off share it because each settles what the other asked for.
 */
export const dispatch: Process<NotificationEvent> = {
  name: 'dispatch',
  nouns: ['notification'],
  types: [
    'NotificationRequested',
    'DeliveriesPlanned',
    'HandOffStarted',
    'HandOffRecorded',
    'DeliveriesRedriven',
    'NotificationRescheduled',
    'NotificationCancelled',
  ],
  react: ({ event, meta }: Recorded<NotificationEvent>): readonly Reaction[] => {
    switch (event.type) {
      case 'NotificationRequested':
        return [ask(ofRequest(event.data), 'plan', everyN(event.data), event.data.planAt)];
      case 'DeliveriesPlanned':
        return planned(event.data, meta.causationId);
      case 'HandOffStarted': {
        const items = event.data.started.flatMap((group) => group.items);
        return [settle(event.data, ['handOff', 'recover'], items), ask(event.data, 'recover', items, event.data.until)];
      }
      case 'HandOffRecorded':
        return recorded(event.data);
      case 'DeliveriesRedriven':
        return [ask(event.data, 'plan', event.data.items, event.data.redrivenAt)];
      case 'NotificationRescheduled':
        return [settle(event.data, ['plan', 'handOff'], event.data.items), ask(event.data, 'plan', event.data.items, event.data.planAt)];
      case 'NotificationCancelled':
        return [settle(event.data, ['plan', 'handOff'], event.data.items)];
      default:
        return assertNever(event);
    }
  },
};

/** `claim`: under which it was planned; until it ends it has what goes later still. */
function planned(data: DeliveriesPlanned['data'], claim: string): readonly Reaction[] {
  const items = data.planned.flatMap((group) => group.items);
  return [
    settle(data, ['plan', 'handOff'], items),
    ...data.later.map(({ items: later, at }) => ({ ...ask(data, 'handOff', later, at), heldBy: claim })),
    ...data.planned.flatMap((group) => (group.plan === 'defer' ? [ask(data, 'plan', group.items, group.until)] : [])),
    ...data.escalated.map(({ items: next, at }) => ask(data, 'plan', next, at)),
  ];
}

function recorded(data: HandOffRecorded['data']): readonly Reaction[] {
  const again = new Map<Instant, number[]>();
  for (const group of data.results) {
    if (group.result === 'retry' || group.result === 'returned')
      again.set(group.retryAt, [...(again.get(group.retryAt) ?? []), ...group.items]);
  }
  return [
    settle(
      data,
      // A late acceptance ends whatever has come to be planned since.
      ['plan', 'handOff', 'recover'],
      data.results.flatMap((group) => group.items),
    ),
    ...[...again].map(([at, items]) => ask(data, 'handOff', items, at)),
    ...data.escalated.map(({ items, at }) => ask(data, 'plan', items, at)),
  ];
}

type Of = Pick<HandOffRecorded['data'], 'notificationId' | 'priority'>;
const ask = (of: Of, kind: ActionKind, items: readonly number[], dueAt: Instant): Ask => ({
  do: 'ask',
  kind,
  id: of.notificationId,
  items,
  priority: of.priority,
  dueAt,
});
const settle = (of: Of, kinds: readonly ActionKind[], items: readonly number[]): Settle => ({
  do: 'settle',
  kinds,
  id: of.notificationId,
  items,
});

const ofRequest = (data: NotificationRequested['data']): Of => ({ notificationId: data.notificationId, priority: data.terms.priority });
const everyN = ({ recipients, terms }: NotificationRequested['data']): readonly number[] =>
  recipients.flatMap(({ index }) => terms.channels.map((channel) => nOf(index, channel)));
