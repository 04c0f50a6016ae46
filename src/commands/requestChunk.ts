import type { OpenedBatch } from '../domain/batch/batch.ts';
import type { LineRefusal } from '../domain/batch/events.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { NotificationRequested, RecipientRefusal } from '../domain/notification/events.ts';
import type { Variables } from '../domain/values/message.ts';
import { planAtOf } from '../domain/policy/wallTime.ts';
import { trusted, type KeyedHash, type NotificationId, type TenantId } from '../domain/values/ids.ts';
import { attachmentsOf, type Attached } from './attach.ts';
import type { BatchLine } from './batchLines.ts';
import { handle } from './handle.ts';
import type { RecipientInput } from './notificationInput.ts';
import type { NotificationPorts } from './notificationPorts.ts';
import type { Envelope } from './ports.ts';
import { NOTIFICATION } from './registry.ts';
import { resolveRecipients, type Given } from './resolveRecipients.ts';
import { variablesRefusal, type SettledMessage } from './settleMessage.ts';

export type ChunkRequest = {
  readonly tenant: TenantId;
  readonly envelope: Envelope;
  readonly batch: OpenedBatch;
  readonly settled: SettledMessage;
  /** Those that everybody gets. */
  readonly variables: Variables;
  readonly chunk: number;
  readonly firstLine: number;
  readonly lines: readonly BatchLine[];
  readonly digest: KeyedHash;
};
/** Without `notificationId`: nobody was accepted. */
export type ChunkResult = {
  readonly notificationId?: NotificationId;
  readonly accepted: number;
  readonly rejections: readonly LineRefusal[];
};

/** Bytes of a raw line (UTF-8): sealed, it must fit into an append with room for its neighbours. */
export const MAX_LINE_BYTES = 262_144;

/** Makes a chunk's notification durable: the same chunk sent again finds it there and gets the first result. */
export function chunkRequests(ports: NotificationPorts) {
  const run = handle(ports.log, NOTIFICATION);

  return async (it: ChunkRequest): Promise<ChunkResult | Rejection> => {
    const { tenant, batch, chunk, digest } = it;
    const { batchId, terms } = batch.opened;
    const { given, refused } = await peopleOf(ports, it);
    const resolved = await resolveRecipients(ports.subjects, tenant, given);
    const allRefused = [...refused, ...resolved.refused].sort((a, b) => a.index - b.index);
    if (resolved.recipients.length === 0) return { accepted: 0, rejections: rejectionsOf(it, allRefused) };
    const notificationId = trusted<NotificationId>(await ports.indexes.uuid(tenant, 'chunk', batchId, String(chunk)));
    const now = ports.clock.now();
    const { schedule: _, ...unscheduled } = terms;
    const data: NotificationRequested['data'] = {
      notificationId,
      requestedAt: now,
      terms: { ...unscheduled, ...(batch.schedule && { schedule: batch.schedule }) },
      recipients: resolved.recipients,
      refused: allRefused,
      batch: { batchId, chunk },
      request: digest,
      planAt: planAtOf(batch.schedule, now),
    };
    // A new command id: the stream's id tells a repeat, and its digest whether it says the same.
    const context = { tenant, envelope: { ...it.envelope, commandId: ports.ids.uuid() } };
    const outcome = await run({ id: notificationId, input: { type: 'RequestNotification', data }, context, fresh: true });
    if (isRejection(outcome)) return outcome;
    if (outcome.state.status === 'absent') throw new PortError('unavailable', 'no_outcome', 'a chunk was requested and is not there');
    // Of a repeat: as the first was taken, also where catalogue or people have changed since.
    const { requested } = outcome.state;
    if (requested.request !== digest)
      return reject('idempotency_key_reused', 'this Idempotency-Key came before with other lines; send the same upload again');
    await keepThose(ports, it, requested);
    return { notificationId, accepted: requested.recipients.length, rejections: rejectionsOf(it, requested.refused) };
  };
}

/** Of the lines that were taken, now or by the first of a repeat. */
async function keepThose(ports: NotificationPorts, { tenant, envelope, lines }: ChunkRequest, requested: NotificationRequested['data']) {
  const { actor, correlationId } = envelope;
  const accepted = requested.recipients.flatMap(({ index }) => {
    const line = lines[index];
    return line === undefined || 'refusal' in line ? [] : [line.recipient];
  });
  await ports.keepAddresses({ tenant, actor, correlationId }, requested.notificationId, accepted);
}

const rejectionsOf = ({ firstLine }: ChunkRequest, refused: readonly RecipientRefusal[]): readonly LineRefusal[] =>
  refused.map(({ index, code, detail }) => ({ line: firstLine + index, code, detail }));

type People = { readonly given: readonly Given[]; readonly refused: readonly RecipientRefusal[] };

/** Lines → people, by place in the chunk; what can't be read, is too large or names a missing file is a verdict about its line alone. */
async function peopleOf(ports: NotificationPorts, it: ChunkRequest): Promise<People> {
  const refused: RecipientRefusal[] = [];
  const readable: { readonly index: number; readonly input: RecipientInput }[] = [];
  for (const [index, line] of it.lines.entries()) {
    if ('refusal' in line) refused.push({ index, ...line.refusal });
    else if (Buffer.byteLength(line.raw) > MAX_LINE_BYTES)
      refused.push({ index, code: 'line_too_large', detail: `a line has at most ${String(MAX_LINE_BYTES)} bytes` });
    else readable.push({ index, input: line.recipient });
  }
  const { attached, missing } = await attach(
    ports,
    it.tenant,
    readable.map(({ input }) => input),
  );
  const given = readable.map(({ index, input }, place): Given => {
    const attachments = attached.own.get(place);
    const own =
      input.variables === undefined && attachments === undefined ? undefined : present({ variables: input.variables, attachments });
    const refusal = missing.get(place) ?? variablesRefusal(ports, it.settled, { ...it.variables, ...input.variables });
    return { index, input, ...present({ own, refusal }) };
  });
  return { given, refused };
}

type Files = { readonly attached: Attached; readonly missing: ReadonlyMap<number, Rejection> };

/** A missing file concerns the one who was to get it: the others are looked up again without it. */
async function attach({ files }: NotificationPorts, tenant: TenantId, recipients: readonly RecipientInput[]): Promise<Files> {
  const attached = await attachmentsOf(files, tenant, { recipients });
  if (!('problems' in attached)) return { attached, missing: new Map() };
  const missing = new Map(attached.problems.map((problem) => [Number(problem.path?.split('/')[2]), problem]));
  const others = await attachmentsOf(files, tenant, {
    recipients: recipients.map((it, place) => (missing.has(place) ? { ...it, attachments: [] } : it)),
  });
  return { attached: 'problems' in others ? { shared: [], own: new Map() } : others, missing };
}
