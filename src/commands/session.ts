import type { AnyFact } from '../domain/kernel/decider.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { isRejection, type Rejection } from '../domain/kernel/rejection.ts';
import type { Position, TenantId } from '../domain/values/ids.ts';
import { streamOf } from '../domain/values/streams.ts';
import { fold, MAX_TRIES, type Aggregate } from './handle.ts';
import type { Envelope, EventLog, ExpectedRevision } from './ports.ts';

/** Many commands on one stream, one after the other, without reading it again before each: a batch's upload has thousands. */
export interface Session<C, S, Code extends string> {
  readonly state: () => S;
  /** Of the last event that this session has seen. */
  readonly position: () => Position | undefined;
  /** Null: done, or done before. On a conflict the stream is read again. @throws PortError */
  readonly run: (command: C, envelope: Envelope) => Promise<Rejection<Code> | null>;
}

type Read<S> = { readonly state: S; readonly revision: ExpectedRevision; readonly position?: Position };

/** `attempt`: new for each session, since two may say different things under the same command ids. @throws PortError `unavailable` */
export async function openSession<C, S, E extends AnyFact, Code extends string>(
  log: EventLog,
  aggregate: Aggregate<C, S, E, Code>,
  of: { readonly tenant: TenantId; readonly id: string; readonly attempt: string },
): Promise<Session<C, S, Code>> {
  const { decider } = aggregate;
  const stream = streamOf(aggregate.noun, of.tenant, of.id);
  let current = await read();

  async function read(): Promise<Read<S>> {
    const recorded = (await log.read([stream])).get(stream) ?? [];
    return fold(aggregate, recorded, NO_COMMAND, { events: [], revision: 'absent', state: decider.initial() });
  }

  async function run(command: C, envelope: Envelope): Promise<Rejection<Code> | null> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const decision = decider.decide(command, current.state);
      if (isRejection<Code>(decision)) return decision;
      if (decision.length === 0) return null;
      const [result] = await log.append([{ stream, at: current.revision, events: decision, envelope, attempt: of.attempt }]);
      if (result?.ok === true) {
        const state = decision.reduce((folded, event) => decider.evolve(folded, event), current.state);
        current = { state, revision: result.revision, position: result.position };
        return null;
      }
      if (result?.conflict !== true)
        throw result?.error ?? new PortError('unavailable', 'no_outcome', 'the log gave no outcome for a write');
      // Its commands find in the state what they did before, so nothing needs to be looked up by command id.
      current = await read();
    }
    throw new PortError('conflict', 'contended', 'the stream changed at every try; try again later');
  }

  return { state: () => current.state, position: () => current.position, run };
}

/** No command has it, so a fold with it goes to the end of the stream. */
const NO_COMMAND = '';
