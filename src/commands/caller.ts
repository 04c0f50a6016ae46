import type { Actor } from '../domain/kernel/metadata.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { CommandContext } from './handle.ts';
import type { Clock, Ids, Indexes } from './ports.ts';

/** Who asks, and in which connection: what every use case takes first. */
export type Caller = {
  readonly tenant: TenantId;
  readonly actor: Actor;
  /** Of the request, or of the message that led to it. */
  readonly correlationId: string;
  /** Of the HTTP request, by which the audit and the log name it. */
  readonly requestId?: string;
  /** What directly caused it: an event's id, an action's; absent: the command itself. */
  readonly causationId?: string;
  /** `Idempotency-Key`, 1 to 255 characters; personal data. */
  readonly idempotencyKey?: string;
  /** W3C Trace Context. */
  readonly traceparent?: string;
};
export type ContextPorts = { readonly clock: Clock; readonly ids: Ids; readonly indexes: Indexes };

/**
 * A command's context. With an idempotency key the command's id derives from tenant, route and key, so a repeat is the same
 * command and gets the first result; without one it is new. Two at the same time are told apart by `attempt`: the slower one meets a
 * conflict, and finds the other's events when it looks again.
 */
export async function contextOf(ports: ContextPorts, caller: Caller, route: string): Promise<CommandContext> {
  const { tenant, actor, correlationId, idempotencyKey, traceparent } = caller;
  const commandId = idempotencyKey === undefined ? ports.ids.uuid() : await ports.indexes.uuid(tenant, 'command', route, idempotencyKey);
  return {
    tenant,
    ...(idempotencyKey !== undefined && { attempt: ports.ids.uuid() }),
    envelope: {
      commandId,
      correlationId,
      causationId: caller.causationId ?? commandId,
      actor,
      occurredAt: ports.clock.now(),
      ...(traceparent !== undefined && { traceparent }),
    },
  };
}

/** The context of one of several commands of a request: its own command id, so that two for one stream are told apart. */
export const partOf = ({ envelope, ...context }: CommandContext, place: number): CommandContext => ({
  ...context,
  envelope: { ...envelope, commandId: `${envelope.commandId}.${String(place)}` },
});
