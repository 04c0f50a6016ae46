import { eventually } from '../support/client.ts';
import type { ChaosRun } from './chaosRun.ts';
import type { Accepted, Kind } from './feeder.ts';
import { WINDOW, type Ground } from './ground.ts';

type Row = { readonly id: string; readonly n: number; readonly status: string };
type Person = { readonly kind: Kind; readonly to: string; readonly status: string; readonly times: number };

/** Until so many more have been taken than were at the beginning, at most so long: a moment in the middle of the work. */
export async function untilTaken({ sink }: Ground, more: number, mostMs: number): Promise<void> {
  const from = sink.count();
  const look = (): true | undefined => (sink.count() >= from + more ? true : undefined);
  await eventually('more have been taken', look, { deadlineMs: mostMs }).catch(() => undefined);
}

/** The table that queries read now: a rebuild counts its tables on. */
export async function deliveriesTable({ cluster }: Ground): Promise<string> {
  const [live] = await cluster.query<{ suffix: string }>(`select suffix from consumers where name = 'notifications' and state = 'live'`);
  return `deliveries${live?.suffix ?? ''}`;
}

/** Deliveries that have not ended yet, of these notifications; one that the read model does not know has not either. */
async function pendingOf(ground: Ground, ids: readonly string[]): Promise<number> {
  const [row] = await ground.cluster.query<{ pending: number }>(
    `select count(*)::int as pending from unnest($1::uuid[]) as asked (id)
       left join ${await deliveriesTable(ground)} d on d.notification = asked.id
      where coalesce(d.status, 'none') not in ('sent', 'unknown', 'failed', 'dead_lettered', 'suppressed', 'cancelled')`,
    [ids],
  );
  return row?.pending ?? 0;
}

export async function untilSettled(ground: Ground, accepted: ReadonlyMap<string, Accepted>, deadlineMs: number): Promise<void> {
  let pending = -1;
  const look = async (): Promise<true | undefined> => {
    pending = await pendingOf(ground, [...accepted.keys()]);
    return pending === 0 ? true : undefined;
  };
  await eventually('nothing is pending', look, { deadlineMs, seen: () => pending }).catch(async (error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${await whatWaits(ground)}`, { cause: error });
  });
}

/** Where they have got stuck: actions by kind, how often they were tried and when they run, and consumers that are not at the head. */
async function whatWaits({ cluster }: Ground): Promise<string> {
  const actions = await cluster.query<object>(
    `select kind, tries, error, claim is not null as claimed, parked_at is not null as parked, count(*)::int as n,
            round(extract(epoch from min(run_at) filter (where run_at < 'infinity') - now()))::int as first_in_s,
            round(extract(epoch from max(run_at) filter (where run_at < 'infinity') - now()))::int as last_in_s
       from actions group by 1, 2, 3, 4, 5 order by 1, 2`,
  );
  const consumers = await cluster.query<object>(`select name, state, position, caught_up_at, stopped from consumers`);
  return JSON.stringify({ actions, consumers }, undefined, 1);
}

async function peopleOf(ground: Ground, accepted: ReadonlyMap<string, Accepted>): Promise<readonly Person[]> {
  const { cluster, sink } = ground;
  await sink.flush();
  const text = `select notification as id, n, status from ${await deliveriesTable(ground)} where notification = any ($1::uuid[])`;
  const rows = await cluster.query<Row>(text, [[...accepted.keys()]]);
  const statuses = new Map(rows.map(({ id, n, status }) => [`${id} ${String(Math.floor(n / 8))}`, status]));
  return [...accepted.values()].flatMap(({ id, kind, to }) =>
    to.map((address, index) => ({
      kind,
      to: address,
      status: statuses.get(`${id} ${String(index)}`) ?? 'none',
      times: sink.taken.get(address) ?? 0,
    })),
  );
}

/** Why the service does not know: its own codes, counted. */
async function doubtsOf(ground: Ground): Promise<string> {
  const text = `select coalesce(code, 'no answer') as code, count(*)::int as n from ${await deliveriesTable(ground)} where status = 'unknown' group by 1 order by 1`;
  const rows = await ground.cluster.query<{ code: string; n: number }>(text);
  return rows.map(({ code, n }) => `${code} ${String(n)}`).join(', ');
}

/** Deliveries beyond the first of each person of this kind, as the ledger has them. */
export const doublesIn = ({ sink }: Ground, accepted: Iterable<Accepted>, kind: Kind): number =>
  [...accepted].flatMap((it) => (it.kind === kind ? it.to : [])).reduce((sum, to) => sum + Math.max(0, (sink.taken.get(to) ?? 0) - 1), 0);

/** Of every message that was accepted: whether it arrived, how often, and what the service says of it. */
export async function judge(
  ground: Ground,
  accepted: ReadonlyMap<string, Accepted>,
  { kills, run }: { readonly kills: number; readonly run: ChaosRun },
): Promise<void> {
  const people = await peopleOf(ground, accepted);
  const of = (kind: Kind): readonly Person[] => people.filter((it) => it.kind === kind);
  const doubles = (kind: Kind): number => doublesIn(ground, accepted.values(), kind);
  const count = (list: readonly Person[], is: (person: Person) => boolean): number => list.filter(is).length;
  const [retry, hold, keyed] = [of('retry'), of('hold'), of('keyed')];

  run.figure('messages', people.length, 'accepted');
  const lost =
    count([...retry, ...keyed], ({ times }) => times === 0) + count(hold, ({ times, status }) => times === 0 && status !== 'unknown');
  run.must('nothing accepted is lost', lost === 0, `${String(lost)} lost`);
  const untrue = count(people, ({ status, times }) => (status === 'sent' ? times === 0 : status !== 'unknown'));
  run.must('what the service says of each is so', untrue === 0, `${String(untrue)} told otherwise`);
  const doubled = (kind: Kind): string => `${String(doubles(kind))} of ${String(of(kind).length)} doubled`;
  if (retry.length > 0) {
    const most = `${String(kills)} × ${String(WINDOW)}`;
    run.must(`asked again: doubled at most what was in flight (${most})`, doubles('retry') <= kills * WINDOW, doubled('retry'));
    run.must('asked again: all of them sent', count(retry, ({ status }) => status !== 'sent') === 0, retry.length);
  }
  if (keyed.length > 0) {
    run.must('keyed: nothing doubled', doubles('keyed') === 0, doubled('keyed'));
    run.must('keyed: all of them sent', count(keyed, ({ status }) => status !== 'sent') === 0, keyed.length);
  }
  if (hold.length > 0) {
    const open = count(hold, ({ status }) => status === 'unknown');
    run.must('held: nothing doubled', doubles('hold') === 0, doubled('hold'));
    run.must(
      'held: unknown at most what was in flight',
      open <= kills * WINDOW,
      `${String(open)} unknown${open === 0 ? '' : ` (${await doubtsOf(ground)})`}`,
    );
  }
}
