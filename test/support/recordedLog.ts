import type { AnyFact } from '../../src/domain/kernel/decider.ts';
import type { Recorded } from '../../src/domain/kernel/metadata.ts';
import type { Position, TenantId } from '../../src/domain/values/ids.ts';
import type { Instant } from '../../src/domain/values/instant.ts';
import { streamOf, type Noun } from '../../src/domain/values/streams.ts';
import { ACME } from './house.ts';
import { T0 } from './notifications.ts';

type On = {
  readonly tenant?: TenantId;
  readonly noun?: Noun;
  /** Revision of the first. */
  readonly from?: number;
  /** How many events stand before these in the whole log. */
  readonly behind?: number;
  /** By their place among these. */
  readonly occurredAt?: (place: number) => Instant;
};

/** Of the nth event of all, from 1. */
export const positionNo = (nth: number): Position => String(nth).padStart(16, '0') as Position;

/** Events of one notification, one behind the other, as readers of the log get them. */
export const recordedLog = <E extends AnyFact>(
  events: readonly E[],
  { tenant = ACME, noun = 'notification', from = 0, behind = 0, occurredAt = () => T0 }: On = {},
): readonly Recorded<E>[] =>
  events.map((event, place) => ({
    id: `event-${String(behind + place + 1)}`,
    stream: streamOf(noun, tenant, (event.data as { notificationId: string }).notificationId),
    revision: from + place,
    position: positionNo(behind + place + 1),
    event,
    meta: {
      tenantId: tenant,
      commandId: 'c',
      correlationId: 'correlation',
      causationId: 'c',
      actor: { kind: 'system', id: 'test' },
      occurredAt: occurredAt(place),
      schemaVersion: 1,
      digest: '',
    },
  }));
