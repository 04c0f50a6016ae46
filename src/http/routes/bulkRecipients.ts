import type { ProfileChange, ProfileResult, recipientCommands, RecipientRefusal } from '../../commands/recipients.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { present } from '../../domain/kernel/present.ts';
import { answerOfBulk, inOrder, keyOfLine, linesOf, type Told } from '../bulk.ts';
import type { Line } from '../lines.ts';
import { invalidBody, plain, uploadOperation } from '../operation.ts';
import type { Call, Incoming, Operation } from '../operation.ts';
import { isRefusal, problemOf, refuse } from '../problems.ts';
import type { Refusal } from '../problems.ts';
import { BulkRecipient, BulkRecipients, BulkRecipientsDescribed, RecipientVerdictLine, RecipientVerdicts } from '../schemas/recipient.ts';
import { refusalOf } from '../serve.ts';
import type { Checks } from '../validation.ts';

export type BulkRecipientPorts = {
  readonly commands: ReturnType<typeof recipientCommands>;
  readonly checks: Checks;
  readonly failed: (error: unknown, requestId: string) => void;
};
type BulkCall = Call<object, object, Incoming<{ readonly recipients: readonly unknown[] }>>;
type Outcome = ProfileResult | RecipientRefusal | PortError;
const GROUP = 200;

function told(index: number, recipientId: string, { created, version, position, replayed }: ProfileResult): Told {
  const at = present({ position });
  const verdict = { index, status: created ? 201 : 200, ...present({ replayed }), recipient: { recipientId, version }, ...at };
  return { verdict, ...at };
}

export const bulkRecipientRoutes = ({ commands, checks, failed }: BulkRecipientPorts): readonly Operation[] => {
  const check = checks.body(BulkRecipient);

  function changeOf(line: Line, ofRequest: string | undefined): ProfileChange | Refusal {
    if (!line.ok) return refuse(line.code, line.detail);
    const checked = check(line.value);
    if (!checked.ok) return invalidBody(checked.errors);
    const { recipientId, idempotencyKey: own, ...patch } = checked.value;
    const idempotencyKey = keyOfLine(own, ofRequest, line);
    return { recipientId: recipientId.normalize('NFC'), patch, ...present({ idempotencyKey }) };
  }

  function verdictOf(index: number, change: ProfileChange | Refusal, outcome: Outcome | undefined, requestId: string): Told {
    if (!isRefusal(change) && outcome !== undefined && !(outcome instanceof PortError) && !isRefusal(outcome))
      return told(index, change.recipientId, outcome);
    const refusal = isRefusal(change) ? change : refusalIn(outcome, requestId);
    const problem = problemOf(refusal, requestId);
    return { verdict: { index, status: problem.status, problem } };
  }
  function refusalIn(outcome: Outcome | undefined, requestId: string): Refusal {
    if (outcome instanceof PortError) return refusalOf(outcome, (it) => failed(it, requestId));
    return outcome !== undefined && isRefusal(outcome) ? outcome : refuse('unavailable', 'Send this line again.');
  }

  async function changed({ caller }: BulkCall, changes: readonly ProfileChange[]): Promise<readonly Outcome[]> {
    const { idempotencyKey: _ofRequest, ...keyless } = caller;
    try {
      return await commands.changeMany(keyless, changes);
    } catch (error) {
      if (error instanceof PortError) return changes.map(() => error);
      throw error;
    }
  }

  async function workOn(call: BulkCall, group: readonly Line[]): Promise<readonly Told[]> {
    const read = group.map((line) => ({ index: line.index, change: changeOf(line, call.caller.idempotencyKey) }));
    const valid = read.flatMap(({ index, change }) => (isRefusal(change) ? [] : [{ index, change }]));
    const changes = valid.map(({ change }) => change);
    const outcomes = valid.length === 0 ? [] : await changed(call, changes);
    const byIndex = new Map(valid.map(({ index }, place) => [index, outcomes[place]]));
    return read.map(({ index, change }) => verdictOf(index, change, byIndex.get(index), call.requestId));
  }

  return [
    uploadOperation({
      ...plain,
      id: 'patchRecipients',
      method: 'post',
      path: '/v1/recipients/bulk',
      tag: 'Recipients',
      summary: 'Register or change many people, each with a verdict of its own, in order',
      description:
        'Up to 1,000 as JSON, any number as NDJSON, which is answered with NDJSON while lines are still being sent. A line that has changed ' +
        'a person changes nothing more when it comes again under its key; with another change that key is refused.',
      scope: 'manage',
      idempotent: true,
      body: BulkRecipients,
      described: BulkRecipientsDescribed,
      upload: { kind: 'lines', line: BulkRecipient },
      responses: { 200: { description: 'A verdict for each, in order.', schema: RecipientVerdicts, lines: RecipientVerdictLine } },
      handler: async (call) => {
        const { body } = call;
        const lines = body.kind === 'lines' ? body.lines : linesOf(body.kind === 'json' ? body.value.recipients : [], GROUP);
        const verdicts = inOrder(lines, (group) => workOn(call, group));
        return answerOfBulk(verdicts, body.kind === 'lines');
      },
    }),
  ];
};
