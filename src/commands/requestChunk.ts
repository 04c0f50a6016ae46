import { OTHER_LINES, type OpenedBatch } from '../domain/batch/batch.ts';
import type { LineRefusal } from '../domain/batch/events.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import type { NotificationRequested, RecipientRefusal, RequestedRecipient } from '../domain/notification/events.ts';
import type { Variables } from '../domain/values/message.ts';
import { planAtOf } from '../domain/policy/wallTime.ts';
import { trusted, type KeyedHash, type NotificationId, type SubjectId, type TenantId } from '../domain/values/ids.ts';
import { lookUpFiles, storeFiles, withFiles, type LookedUp } from './attach.ts';
import type { BatchLine } from './batchLines.ts';
import { handle } from './handle.ts';
import type { RecipientInput } from './notificationInput.ts';
import type { NotificationPorts } from './notificationPorts.ts';
import type { Envelope } from './ports.ts';
import { NOTIFICATION } from './registry.ts';
import { resolveRecipients, type Given, type StandsEarlier } from './resolveRecipients.ts';
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
  /** Who stands in an earlier chunk. */
  readonly standsEarlier: StandsEarlier;
};
/** What is noted of the chunk, and whom it holds. Without `notificationId`: nobody was accepted. */
export type ChunkResult = {
  readonly noted: {
    readonly notificationId?: NotificationId;
    readonly type?: string;
    readonly accepted: number;
    readonly rejections: readonly LineRefusal[];
  };
  readonly subjects: readonly SubjectId[];
};

/** Bytes of a raw line (UTF-8): sealed, it must fit into an append with room for its neighbours. */
export const MAX_LINE_BYTES = 262_144;
const TOO_LARGE = reject('line_too_large', `a line has at most ${String(MAX_LINE_BYTES)} bytes`);

/** Makes a chunk's notification durable: the same chunk sent again finds it there and gets the first result. */
export function chunkRequests(ports: NotificationPorts) {
  const run = handle(ports.log, NOTIFICATION);

  return async (it: ChunkRequest): Promise<ChunkResult | Rejection> => {
    const { tenant, batch, chunk, digest } = it;
    const { batchId, terms } = batch.opened;
    const people = await peopleOf(ports, it);
    const resolved = await resolveRecipients(ports.subjects, tenant, people.given, it.standsEarlier);
    const allRefused = [...people.refused, ...resolved.refused].sort((a, b) => a.index - b.index);
    if (resolved.recipients.length === 0) {
      const rejections = allRefused.map(({ index, ...refusal }) => ({ line: it.firstLine + index, ...refusal }));
      return { noted: { type: terms.type, accepted: 0, rejections }, subjects: [] };
    }
    const notificationId = trusted<NotificationId>(await ports.indexes.uuid(tenant, 'chunk', batchId, String(chunk)));
    const now = ports.clock.now();
    const { schedule: _, ...unscheduled } = terms;
    const data: NotificationRequested['data'] = {
      notificationId,
      requestedAt: now,
      terms: { ...unscheduled, ...(batch.schedule && { schedule: batch.schedule }) },
      recipients: await attach(ports, tenant, people, resolved.recipients),
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
    if (requested.request !== digest) return OTHER_LINES;
    await keepThose(ports, it, requested);
    const rejections = requested.refused.map(({ index, code, detail }) => ({ line: it.firstLine + index, code, detail }));
    const subjects = requested.recipients.map(({ subject }) => subject);
    return { noted: { notificationId, accepted: subjects.length, rejections }, subjects };
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

type Readable = { readonly index: number; readonly input: RecipientInput; readonly isTooLarge: boolean };
type People = {
  readonly given: readonly Given[];
  readonly refused: readonly RecipientRefusal[];
  /** By place in the chunk. */
  readonly lines: ReadonlyMap<number, RecipientInput>;
  readonly found: LookedUp['found'];
};

/** Lines → people, by place in the chunk; what can't be read, is too large or names a missing file is a verdict about its line alone. */
async function peopleOf(ports: NotificationPorts, it: ChunkRequest): Promise<People> {
  const refused: RecipientRefusal[] = [];
  const readable: Readable[] = [];
  for (const [index, line] of it.lines.entries()) {
    if ('refusal' in line) refused.push({ index, ...line.refusal });
    else readable.push({ index, input: line.recipient, isTooLarge: Buffer.byteLength(line.raw) > MAX_LINE_BYTES });
  }
  const { found, problems } = await lookUpFiles(
    ports.files,
    it.tenant,
    readable.map(({ input, isTooLarge }) => ({ recipients: isTooLarge ? [] : [input] })),
  );
  const given = readable.map(({ index, input, isTooLarge }, place): Given => {
    if (isTooLarge) return { index, input, refusal: TOO_LARGE };
    const own = input.variables === undefined ? undefined : { variables: input.variables };
    const refusal = problems[place]?.[0] ?? variablesRefusal(ports, it.settled, { ...it.variables, ...input.variables });
    return { index, input, ...present({ own, refusal }) };
  });
  return { given, refused, lines: new Map(readable.map(({ index, input }) => [index, input])), found };
}

/** The files of those who were accepted, each under their own key. */
async function attach(
  { files }: NotificationPorts,
  tenant: TenantId,
  { lines, found }: People,
  recipients: readonly RequestedRecipient[],
): Promise<readonly RequestedRecipient[]> {
  const carrying = recipients.map(({ index, subject }) => {
    const line = lines.get(index);
    return { carrying: { recipients: line === undefined ? [] : [line] }, owners: { subjects: new Map([[0, subject]]) } };
  });
  const attached = await storeFiles(files, tenant, carrying, found);
  return recipients.map((it, place) => withFiles(it, attached[place]?.own.get(0)));
}
