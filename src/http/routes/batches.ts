import type { batchCommands, BatchControl } from '../../commands/batches.ts';
import { present } from '../../domain/kernel/present.ts';
import { isRejection, type Rejection } from '../../domain/kernel/rejection.ts';
import { isBatchId } from '../../domain/values/ids.ts';
import type { BatchId } from '../../domain/values/ids.ts';
import type { Caller } from '../../commands/caller.ts';
import { batchOfJson, batchOfLines } from '../batchUpload.ts';
import { scheduleIn } from '../notificationBody.ts';
import { operation, plain, uploadOperation } from '../operation.ts';
import type { Operation, Reply } from '../operation.ts';
import { isRefusal, refuse } from '../problems.ts';
import type { Refusal } from '../problems.ts';
import {
  BatchAccepted,
  BatchCancelRequest,
  BatchRequest,
  BatchRequestDescribed,
  BatchRescheduleRequest,
  BatchSteered,
  MessageRequest,
  Recipient,
} from '../schemas/batch.ts';
import { IdParams } from '../schemas/values.ts';
import type { Checks } from '../validation.ts';
import { asWritten, refusalOfAll } from '../verdicts.ts';

export type BatchRoutePorts = { readonly commands: ReturnType<typeof batchCommands>; readonly checks: Checks };

const tag = 'Batches';
export const noBatch = (): Refusal => refuse('batch_not_found', 'There is no batch of this id.');

const responses = {
  202: { description: 'Recorded; it takes effect for everything that has not been handed off.', schema: BatchSteered },
} as const;

function answered(outcome: BatchControl | Rejection): Reply {
  if (isRejection(outcome)) return outcome;
  return { status: 202, body: { id: outcome.id }, ...present({ position: outcome.position }) };
}
const steered = async (id: string, act: (id: BatchId) => Promise<BatchControl | Rejection>): Promise<Reply> =>
  isBatchId(id) ? answered(await act(id)) : noBatch();

/** One of the ways to steer a batch that takes no body. */
const plainControl = (
  name: 'pause' | 'resume',
  summary: string,
  act: (caller: Caller, id: BatchId) => Promise<BatchControl | Rejection>,
): Operation =>
  operation({
    ...plain,
    id: `${name}Batch`,
    method: 'post',
    path: `/v1/batches/{id}/${name}`,
    tag,
    summary,
    scope: 'send',
    params: IdParams,
    responses,
    handler: ({ caller, params: { id } }) => steered(id, (batch) => act(caller, batch)),
  });

/** One message to any number of people. */
export const batchRoutes = ({ commands, checks }: BatchRoutePorts): readonly Operation[] => {
  const schemas = { message: checks.body(MessageRequest), recipient: checks.body(Recipient) };
  return [
    uploadOperation({
      ...plain,
      id: 'uploadBatch',
      method: 'post',
      path: '/v1/batches',
      tag,
      summary: 'One message to any number of recipients',
      description:
        'NDJSON: the message first, then a recipient a line; or JSON with `recipients`. Chunks go out while the rest is still being sent. ' +
        'A broken upload is sent again with the same Idempotency-Key and goes on where it broke.',
      scope: 'send',
      idempotent: true,
      body: BatchRequest,
      described: BatchRequestDescribed,
      upload: { kind: 'lines', first: MessageRequest, line: Recipient },
      responses: { 202: { description: 'All lines are there.', schema: BatchAccepted } },
      handler: async ({ body, caller, access }) => {
        if (body.kind === 'bytes') return refuse('unsupported_media_type', 'Send application/x-ndjson or application/json.');
        const stream = body.kind === 'lines' ? await batchOfLines(body.lines, schemas) : batchOfJson(body.value, schemas);
        if (isRefusal(stream)) return stream;
        const { message, written, lines } = stream;
        const correlationId = message.context?.correlationId ?? caller.correlationId;
        const outcome = await commands.upload({ ...caller, correlationId }, { mode: access.mode, message, lines });
        if ('problems' in outcome) return asWritten(written, refusalOfAll(outcome.problems));
        const { position, replayed, ...counts } = outcome;
        const at = present({ position });
        return { status: 202, body: { ...counts, ...at }, ...at, replayed, headers: { Location: `/v1/batches/${outcome.id}` } };
      },
    }),
    operation({
      ...plain,
      id: 'cancelBatch',
      method: 'post',
      path: '/v1/batches/{id}/cancel',
      tag,
      summary: 'Cancel everything that has not been handed off, for good',
      scope: 'send',
      params: IdParams,
      body: BatchCancelRequest,
      bodyOptional: true,
      responses,
      handler: ({ caller, params: { id }, body }) => steered(id, (batch) => commands.cancel(caller, batch, body.reason)),
    }),
    plainControl('pause', 'Hold what has not been handed off until the batch is resumed', commands.pause),
    plainControl('resume', 'Let it go on', commands.resume),
    operation({
      ...plain,
      id: 'rescheduleBatch',
      method: 'post',
      path: '/v1/batches/{id}/reschedule',
      tag,
      summary: 'Move what waits to another time',
      scope: 'send',
      params: IdParams,
      body: BatchRescheduleRequest,
      responses,
      handler: ({ caller, params: { id }, body }) => steered(id, (batch) => commands.reschedule(caller, batch, scheduleIn(body.schedule))),
    }),
  ];
};
