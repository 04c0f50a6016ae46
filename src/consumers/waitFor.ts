import type { Position } from '../domain/values/ids.ts';
import { bell, type Bell } from './bell.ts';
import { checkpointOf } from './lease.ts';
import { MOVED_CHANNEL, WAIT_CHANNEL } from './notices.ts';
import { isBefore, later, type Checkpoint } from './position.ts';
import type { Database, Time } from './ports.ts';

/** `parked`: the stream in question waits behind an event that could not be applied, so it does not come by waiting. */
export type Waited = 'reached' | 'not_caught_up' | 'parked';

export type WaitFor = {
  /**
   * Until the live tables of the projection hold everything up to the position; with `stream`, until that stream is not parked there
   * either. At most `boundMs`. @throws PortError `unavailable`
   */
  readonly waitFor: (projection: string, after: Position, how: { readonly stream?: string; readonly boundMs: number }) => Promise<Waited>;
  readonly close: () => Promise<void>;
};

type Waiting = {
  readonly after: Position;
  readonly stream: string | undefined;
  readonly until: number;
  readonly resolve: (waited: Waited) => void;
  readonly reject: (error: unknown) => void;
};
type Queue = { readonly waiting: Set<Waiting>; readonly moved: Bell };

const POLL_MS = 250;

/** What a NOTIFY on `WAIT_CHANNEL` says: who is to come how far. */
export function readWanted(payload: string): { readonly name: string; readonly position: Checkpoint } | undefined {
  const [name, position] = payload.split(' ', 2);
  return name !== undefined && position !== undefined && position !== '' ? { name, position: checkpointOf(position) } : undefined;
}

/**
 * Read your writes (docs/architecture.md): `?after=P`. Whoever waits asks the holder, wherever it runs, to come to P also when nothing
 * concerns it, and is woken when it has; a lost NOTIFY costs one poll. All who wait for one projection share its look-ups.
 */
export async function openWaitFor(db: Database, time: Time): Promise<WaitFor> {
  const queues = new Map<string, Queue>();
  const unlisten = await db.listen(MOVED_CHANNEL, (name) => {
    for (const [projection, { moved }] of queues) if (name === undefined || name === projection) moved.ring();
  });

  async function look(projection: string, waiting: Set<Waiting>): Promise<void> {
    const parkedOf = [...new Set([...waiting].flatMap(({ stream }) => stream ?? []))];
    const [row] = await db.query<{ position: string | null; parked: readonly string[] | null }>({
      name: 'consumers.position',
      // What was never at the head is read by nobody (liveTables.ts).
      text: `select case when c.caught_up_at is not null then c.position end as position, (select array_agg(distinct p.stream) from parked_events p
                                  where p.name = c.name and p.suffix = c.suffix and p.stream = any ($2)) as parked
               from consumers c where c.name = $1 and c.state = 'live'`,
      values: [projection, parkedOf],
    });
    const answerOf = answering(row && { position: checkpointOf(row.position), parked: row.parked ?? [] }, time.epochMs());
    for (const one of [...waiting]) {
      const answer = answerOf(one);
      if (answer === undefined) continue;
      waiting.delete(one);
      one.resolve(answer);
    }
  }

  /** Asks every time it looks: a request may be lost while the holder changes. */
  const ask = async (projection: string, waiting: ReadonlySet<Waiting>): Promise<void> => {
    let furthest: Checkpoint = 'start';
    for (const { after } of waiting) furthest = later(furthest, after);
    await db.query({ name: 'consumers.wait', text: `select pg_notify('${WAIT_CHANNEL}', $1)`, values: [`${projection} ${furthest}`] });
  };

  async function serve(projection: string, { waiting, moved }: Queue): Promise<void> {
    try {
      for (;;) {
        await look(projection, waiting);
        if (waiting.size === 0) break;
        await ask(projection, waiting);
        const soonest = Math.min(...[...waiting].map(({ until }) => until)) - time.epochMs();
        await moved.wait(Math.max(1, Math.min(POLL_MS, soonest)));
      }
    } catch (error) {
      for (const one of waiting) one.reject(error);
    }
    // In the same breath as the last look at who waits: whoever comes now starts anew.
    queues.delete(projection);
  }

  return {
    waitFor: (projection, after, { stream, boundMs }) =>
      new Promise((resolve, reject) => {
        const one: Waiting = { after, stream, until: time.epochMs() + boundMs, resolve, reject };
        const present = queues.get(projection);
        const queue = present ?? { waiting: new Set(), moved: bell(time) };
        queue.waiting.add(one);
        queues.set(projection, queue);
        if (present) queue.moved.ring();
        else void serve(projection, queue);
      }),
    close: unlisten,
  };
}

type Found = { readonly position: Checkpoint; readonly parked: readonly string[] };
const answering =
  (found: Found | undefined, now: number) =>
  ({ stream, after, until }: Waiting): Waited | undefined => {
    if (found && stream !== undefined && found.parked.includes(stream)) return 'parked';
    if (found && !isBefore(found.position, after)) return 'reached';
    return now >= until ? 'not_caught_up' : undefined;
  };
