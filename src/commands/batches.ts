import { CANCELLED, OTHER_LINES, type Batch, type BatchCode, type BatchCommand, type OpenedBatch } from '../domain/batch/batch.ts';
import { canonicalJson } from '../domain/kernel/canonicalJson.ts';
import { open } from '../domain/kernel/personal.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { present } from '../domain/kernel/present.ts';
import { isRejection, reject, type Rejection } from '../domain/kernel/rejection.ts';
import { planAtOf } from '../domain/policy/wallTime.ts';
import { trusted, type BatchId, type KeyedHash, type Position, type TenantId } from '../domain/values/ids.ts';
import type { Instant } from '../domain/values/instant.ts';
import type { Schedule } from '../domain/values/schedule.ts';
import { attachmentsOf } from './attach.ts';
import { chunksOf, type BatchLine } from './batchLines.ts';
import { batchPeople, type BatchPeople } from './batchPeople.ts';
import { contextOf, type Caller } from './caller.ts';
import { handle } from './handle.ts';
import type { MessageInput } from './notificationInput.ts';
import type { NotificationPorts } from './notificationPorts.ts';
import type { Envelope } from './ports.ts';
import { BATCH } from './registry.ts';
import { chunkRequests } from './requestChunk.ts';
import { openSession, type Session } from './session.ts';
import { settleMessage, type SettledMessage } from './settleMessage.ts';

/** `lines`: as they come, one or many at a time; reading stands still while a chunk is written. */
export type BatchUpload = {
  readonly mode: 'live' | 'test';
  readonly message: MessageInput;
  readonly lines: AsyncIterable<readonly BatchLine[]>;
};
export type BatchResult = {
  readonly id: BatchId;
  readonly accepted: number;
  readonly rejected: number;
  /** All of it had been uploaded before under this idempotency key: this is the first answer. */
  readonly replayed: boolean;
  readonly position?: Position;
};
export type BatchProblems = { readonly problems: readonly Rejection[] };
export type BatchControl = { readonly id: BatchId; readonly position?: Position };

/** Lines of a chunk, which one notification holds, and their bytes: sealed, they stay well below 900 kB. */
export const CHUNK_LINES = 500;
const CHUNK_BYTES = 400_000;

type Opening = {
  readonly tenant: TenantId;
  readonly id: BatchId;
  readonly envelope: Envelope;
  readonly session: Session<BatchCommand, Batch, BatchCode>;
  /** Of the chunks so far. */
  readonly people: BatchPeople;
};

const NO_LINES = reject('no_recipients', 'the upload names nobody: send at least one recipient');

/** Use cases about batches. All throw PortError. */
export function batchCommands(ports: NotificationPorts) {
  const control = handle(ports.log, BATCH);
  const requestChunk = chunkRequests(ports);

  /**
   * One message to everyone on the lines. Chunks go out as they fill. A broken upload is sent again with the same idempotency key and
   * goes on where it broke; other lines under the same key are refused.
   */
  async function upload(caller: Caller, { mode, message, lines }: BatchUpload): Promise<BatchResult | BatchProblems> {
    const { tenant } = caller;
    const id = await idOf(caller);
    const [{ envelope }, session, settled] = await Promise.all([
      contextOf(ports, caller, 'batches'),
      openSession(ports.log, BATCH, { tenant, id, attempt: ports.ids.uuid() }),
      settleMessage(ports, tenant, message),
    ]);
    const before = session.state();
    // What has been taken is answered as it was the first time, also where it would be refused by now; only what is new needs the terms.
    if ('problems' in settled && before.status === 'absent') return settled;
    const opening: Opening = { tenant, id, envelope, session, people: batchPeople(ports.log, tenant) };
    const replayed = before.status === 'opened' && before.closed;
    let [chunk, firstLine] = [0, 1];
    for await (const part of chunksOf(lines, sizeOf(session.state()))) {
      const no =
        (chunk === 0 ? await openBatch(opening, mode, { message, settled }) : null) ??
        (await addChunk(opening, { message, settled, chunk, firstLine, lines: part }));
      if (no !== null) return no;
      chunk++;
      firstLine += part.length;
    }
    if (chunk === 0) return { problems: [NO_LINES] };
    const refusal = await session.run(
      { type: 'CloseBatch', data: { chunks: chunk, now: ports.clock.now() } },
      envelopeOf(opening, 'close'),
    );
    if (refusal !== null) return { problems: [refusal] };
    const { accepted, rejected } = openedOf(session.state());
    return { id, accepted, rejected, replayed, ...present({ position: session.position() }) };
  }

  const idOf = async ({ tenant, idempotencyKey: key }: Caller): Promise<BatchId> =>
    trusted(key === undefined ? ports.ids.uuid() : await ports.indexes.uuid(tenant, 'batch', key));

  type Said = { readonly message: MessageInput; readonly settled: SettledMessage | BatchProblems };

  async function openBatch(opening: Opening, mode: 'live' | 'test', { message, settled }: Said): Promise<BatchProblems | null> {
    const { tenant, id, session } = opening;
    const request = await digestOf(tenant, canonicalJson({ mode, message: withoutBytes(message) }));
    const before = session.state();
    if (before.status === 'opened') return before.opened.request === request ? null : { problems: [OTHER_LINES] };
    if ('problems' in settled) return settled;
    const attached = await attachmentsOf(ports.files, tenant, { ...present({ attachments: message.attachments }), recipients: [] });
    if ('problems' in attached) return attached;
    const now = ports.clock.now();
    const { content, variables = {}, context } = message;
    const refusal = await session.run(
      {
        type: 'OpenBatch',
        data: {
          batchId: id,
          openedAt: now,
          terms: { ...settled.terms, mode },
          message: open({ ...present({ content }), variables, attachments: attached.shared, metadata: context?.metadata ?? {} }),
          chunkLines: CHUNK_LINES,
          chunkBytes: CHUNK_BYTES,
          request,
          planAt: planAtOf(settled.terms.schedule, now),
        },
      },
      envelopeOf(opening, 'open'),
    );
    return refusal === null ? null : { problems: [refusal] };
  }

  type Part = Said & { readonly chunk: number; readonly firstLine: number; readonly lines: readonly BatchLine[] };

  async function addChunk(opening: Opening, { message, settled, chunk, firstLine, lines }: Part): Promise<BatchProblems | null> {
    const { tenant, session, people } = opening;
    const batch = openedOf(session.state());
    const digest = await digestOf(tenant, lines.map(({ raw }) => raw).join('\n'));
    const before = batch.chunks[chunk];
    if (before !== undefined) {
      if (before.notificationId !== undefined) people.remember(before.notificationId);
      return before.digest === digest ? null : { problems: [OTHER_LINES] };
    }
    if (batch.closed) return { problems: [OTHER_LINES] };
    if (batch.cancelled !== undefined) return { problems: [CANCELLED] };
    if ('problems' in settled) return settled;
    const envelope = envelopeOf(opening, `chunk.${String(chunk)}`);
    const [variables, standsEarlier] = [message.variables ?? {}, await people.known()];
    const made = await requestChunk({ tenant, envelope, batch, settled, variables, chunk, firstLine, lines, digest, standsEarlier });
    if (isRejection(made)) return { problems: [made] };
    people.add(made.subjects);
    const range = { from: firstLine, to: firstLine + lines.length - 1 };
    const data = { chunk, lines: range, digest, ...made.noted, now: ports.clock.now() };
    const refusal = await session.run({ type: 'AddChunk', data }, envelope);
    return refusal === null ? null : { problems: [refusal] };
  }

  const digestOf = async (tenant: TenantId, text: string): Promise<KeyedHash> => {
    const [digest] = await ports.indexes.hash(tenant, 'request', [text]);
    if (digest === undefined) throw new PortError('unavailable', 'no_outcome', 'one text was to be hashed and no hash came back');
    return digest;
  };

  async function steer(
    caller: Caller,
    id: BatchId,
    route: string,
    commandAt: (now: Instant) => BatchCommand,
  ): Promise<BatchControl | Rejection<BatchCode>> {
    const context = await contextOf(ports, caller, `batches/${route}`);
    const outcome = await control({ id, input: commandAt(context.envelope.occurredAt), context });
    return isRejection<BatchCode>(outcome) ? outcome : { id, ...present({ position: outcome.position }) };
  }

  return {
    upload,
    /** What waits stays where it is until the batch is resumed; what has been handed off is gone. */
    pause: (caller: Caller, id: BatchId) => steer(caller, id, 'pause', (now) => ({ type: 'PauseBatch', data: { now } })),
    resume: (caller: Caller, id: BatchId) => steer(caller, id, 'resume', (now) => ({ type: 'ResumeBatch', data: { now } })),
    /** Final. A process cancels the batch's notifications afterwards. */
    cancel: (caller: Caller, id: BatchId, reason?: string) =>
      steer(caller, id, 'cancel', (now) => ({ type: 'CancelBatch', data: { now, ...present({ reason }) } })),
    /** Only what waits moves. */
    reschedule: (caller: Caller, id: BatchId, schedule: Schedule) =>
      steer(caller, id, 'reschedule', (now) => ({ type: 'RescheduleBatch', data: { now, schedule, planAt: planAtOf(schedule, now) } })),
  };
}

/** Every step of an upload is a command of its own, whose id derives from the batch: a step that is repeated is the same command. */
const envelopeOf = ({ id, envelope }: Opening, step: string): Envelope => ({ ...envelope, commandId: `${id}.${step}` });

const sizeOf = (state: Batch) =>
  state.status === 'opened'
    ? { lines: state.opened.chunkLines, bytes: state.opened.chunkBytes }
    : { lines: CHUNK_LINES, bytes: CHUNK_BYTES };

function openedOf(state: Batch): OpenedBatch {
  if (state.status === 'opened') return state;
  throw new TypeError('an upload goes on in a batch that was never opened');
}

/** Files by their bytes in base64, as JSON can say them. */
const withoutBytes = ({ attachments, ...message }: MessageInput): object => ({
  ...message,
  attachments: attachments?.map((it) => ('content' in it ? { ...it, content: Buffer.from(it.content).toString('base64') } : it)),
});
