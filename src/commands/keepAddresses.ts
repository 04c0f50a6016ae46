import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import type { NotificationId } from '../domain/values/ids.ts';
import { isAccepted, type Acceptance, type AcceptRequest } from './acceptance.ts';
import type { Caller } from './caller.ts';
import type { RecipientInput } from './notificationInput.ts';
import type { recipientCommands } from './recipients.ts';

/**
 * `save: true`: what a request brought of a person's addresses becomes theirs. `accepted`: those whom the notification is for.
 * Keeping them for the same notification twice is one command, so a repeat overwrites nothing that has changed since. @throws PortError
 */
export type KeepAddresses = (caller: Caller, id: NotificationId, accepted: readonly RecipientInput[]) => Promise<void>;

type Recipients = Pick<ReturnType<typeof recipientCommands>, 'changeMany' | 'putDevice' | 'putEndpoint'>;
type Named = RecipientInput & { readonly recipientId: string };

const isToBeKept = (it: RecipientInput): it is Named => it.save === true && it.recipientId !== undefined;
/** What is kept under it is replaced by the next one that is kept. */
const OWN_ID = 'saved';

export function addressKeeper(recipients: Recipients): KeepAddresses {
  const others = (caller: Caller, { recipientId, pushToken, webhookUrl, walletId }: Named): readonly Promise<unknown>[] => {
    const as = (what: string): Caller => ({ ...caller, idempotencyKey: `${caller.idempotencyKey ?? ''} ${what}` });
    const endpoint = (channel: 'webhook' | 'wallet', address: string): Promise<unknown> =>
      recipients.putEndpoint(as(channel), recipientId, { endpointId: `${OWN_ID}-${channel}`, channel, address });
    return [
      ...(pushToken === undefined ? [] : [recipients.putDevice(as('push'), recipientId, { deviceId: OWN_ID, token: pushToken })]),
      ...(webhookUrl === undefined ? [] : [endpoint('webhook', webhookUrl)]),
      ...(walletId === undefined ? [] : [endpoint('wallet', walletId)]),
    ];
  };

  return async (caller, id, accepted) => {
    const kept = accepted.filter(isToBeKept);
    if (kept.length === 0) return;
    const own: Caller = { ...caller, idempotencyKey: `keep ${id}` };
    const changes = kept.map(({ recipientId, email, phone }) => ({ recipientId, patch: present({ email, phone }) }));
    const failed = (await recipients.changeMany(own, changes)).find((it) => it instanceof PortError);
    if (failed !== undefined) throw failed;
    await Promise.all(kept.flatMap((it) => others(own, it)));
  };
}

type Accept = (requests: readonly AcceptRequest[]) => Promise<readonly Acceptance[]>;

/** Keeps addresses once their notification is durable; one that could not be kept is that request's failure, to be sent again. */
export const keepingAddresses =
  (accept: Accept, keep: KeepAddresses): Accept =>
  async (requests) => {
    const outcomes = await accept(requests);
    return Promise.all(
      outcomes.map(async (outcome, place) => {
        const request = requests[place];
        if (request === undefined || outcome instanceof PortError || !isAccepted(outcome)) return outcome;
        const taken = new Set(outcome.recipients.flatMap(({ index, status }) => (status === 'accepted' ? [index] : [])));
        const accepted = request.input.recipients.filter((_, index) => taken.has(index));
        return keep(request.caller, outcome.id, accepted).then(
          () => outcome,
          (error: unknown) => {
            if (error instanceof PortError) return error;
            throw error;
          },
        );
      }),
    );
  };
