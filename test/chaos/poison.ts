import { openPool } from '../../src/adapters/postgres/pool.ts';
import { askParked, listParked, parkedFacts } from '../../src/consumers/parking.ts';
import type { Projection } from '../../src/consumers/ports.ts';
import type { StreamName } from '../../src/domain/values/ids.ts';
import { streamOf } from '../../src/domain/values/streams.ts';
import { withCluster, type Cluster } from '../support/cluster.ts';
import { happened, openBench, tally, until, type Bench } from '../support/consumers.ts';
import { openDispatch, type DispatchBench } from '../support/dispatchBench.ts';
import { ACME } from '../support/house.ts';
import { positionAt } from '../support/memoryFeed.ts';
import { inScratch } from '../support/scratch.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';

type Size = { readonly events: number; readonly poison: number; readonly streams: number };

/** That a consumer which has nothing to do with the poison may lie behind. */
const LAG_MS = 5_000;

/** How long anything here may take at all. */
const PATIENCE_MS = 300_000;

/** Events that cannot be applied, among many: each stops its own stream only, in three read models over one log, one of them facts. */
export const poison: Chaos<Size> = {
  long: { events: 10_000, poison: 10, streams: 500 },
  short: { events: 2_000, poison: 5, streams: 100 },
  run: (size, run) =>
    inScratch('chaos', (scratch) =>
      withCluster(scratch, { durable: false, sets: ['models'] }, async (cluster) => {
        const bench = await openConsumers(cluster);
        try {
          await poisoned(bench, size, run);
        } finally {
          await bench.close();
        }
      }),
    ),
};

async function openConsumers(cluster: Cluster): Promise<Bench> {
  const [url, ownerUrl] = [cluster.url('app'), cluster.url('owner')];
  const [ownerPool, apiPool, workerPool] = await Promise.all([
    openPool({ url: ownerUrl, role: 'owner', max: 3 }),
    openPool({ url, role: 'tidings_api', max: 2 }),
    openPool({ url, role: 'tidings_worker', max: 10 }),
  ]);
  const close = async (): Promise<void> => {
    await Promise.all([ownerPool.end(), apiPool.end(), workerPool.end()]);
  };
  return openBench({ url, ownerUrl, ownerPool, apiPool, workerPool, cut: async () => undefined, close });
}

/** A read model of these streams that cannot take certain marks in, for as long as they are in the set. */
const modelOf = (name: string, cannot: ReadonlySet<string>, facts: boolean): Projection => {
  const base = tally({
    before: async (events) => {
      if (events.some(({ event }) => cannot.has((event.data as { readonly mark: string }).mark))) throw new TypeError('poison');
    },
  });
  return {
    ...base,
    name,
    facts,
    nouns: ['recipient'],
    tables: [name],
    schema: (suffix) => base.schema(suffix).replaceAll('tally', name),
    apply: (events, tx, suffix) =>
      base.apply(events, { query: (statement) => tx.query({ ...statement, text: statement.text.replaceAll('tally', name) }) }, suffix),
  };
};

type Fed = { readonly stream: StreamName; readonly mark: string };
type Stage = {
  readonly bench: Bench;
  readonly run: ChaosRun;
  readonly fed: readonly Fed[];
  /** Marks that are poison, and those that lie behind them in their streams. */
  readonly poison: ReadonlySet<string>;
  readonly behind: number;
};

async function poisoned(bench: Bench, size: Size, run: ChaosRun): Promise<void> {
  const dispatch = await openDispatch();
  const ann = streamOf('recipient', ACME, await dispatch.subject('ann'));
  const drawn = draw(size, run, ann);
  const toFacts = new Set(drawn.poison);
  const stage: Stage = { bench, run, ...drawn };
  await bench.start([modelOf('model', drawn.poison, false), modelOf('facts', toFacts, true), modelOf('other', new Set(), false)]);
  const lag = watchLag(bench, 'other');
  await feed(stage, run);
  const worst = await lag.end();
  run.must('who has nothing to do with it does not lie behind', worst <= LAG_MS, `${String(Math.round(worst))} ms at the most`);
  await judgeParked(stage);
  const asked = await judgeGates(stage, dispatch, ann);
  await judgeRetry(stage);
  await judgeFacts(stage, toFacts);
  await judgeHealed(stage, dispatch, asked);
}

/** Each poison in a stream of its own, at any place of it but its last; one of them is of a person to whom something is sent. */
function draw({ events, poison: count, streams }: Size, run: ChaosRun, ann: StreamName): Pick<Stage, 'fed' | 'poison' | 'behind'> {
  const names = Array.from({ length: streams }, (_, i): StreamName => (i === 0 ? ann : streamOf('recipient', ACME, `person${String(i)}`)));
  const each = Math.floor(events / streams);
  const fed = Array.from({ length: each }, (_, turn) =>
    names.map((stream, i): Fed => ({ stream, mark: `${String(i)}.${String(turn)}` })),
  ).flat();
  const places = Array.from({ length: count }, () => Math.floor(run.random() * (each - 1)));
  const behind = places.reduce((sum, place) => sum + each - 1 - place, 0);
  return { fed, poison: new Set(places.map((place, i) => `${String(i)}.${String(place)}`)), behind };
}

async function feed({ bench, fed }: Stage, run: ChaosRun): Promise<void> {
  for (let at = 0; at < fed.length; at += 100) {
    bench.feed.add(...fed.slice(at, at + 100).map(({ stream, mark }) => happened('Marked', { mark }, { stream })));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  run.say(`${String(fed.length)} events written`);
  for (const name of ['model', 'facts', 'other'])
    await until(async () => (await positionOf(bench, name)) === positionAt(fed.length), PATIENCE_MS);
}

const positionOf = async (bench: Bench, name: string): Promise<string> =>
  (await bench.rows<{ position: string | null }>(`select position from consumers where name = $1 and state = 'live'`, name))[0]?.position ??
  '';

/** How long, at the most, what was in the log had not been taken in. */
function watchLag(bench: Bench, name: string): { readonly end: () => Promise<number> } {
  let [worst, isOver] = [0, false];
  const watch = async (): Promise<void> => {
    while (!isOver) {
      const [began, head] = [performance.now(), await bench.feed.head()];
      if (head !== 'start') await until(async () => (await positionOf(bench, name)) >= head, PATIENCE_MS);
      worst = Math.max(worst, performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const watching = watch();
  return {
    end: async () => {
      isOver = true;
      await watching;
      return worst;
    },
  };
}

/** Marks that each stream has taken in, in the order in which it did. */
const appliedBy = async (bench: Bench, name: string): Promise<ReadonlyMap<string, readonly string[]>> =>
  new Map(
    (await bench.rows<{ stream: string; seen: string[] }>(`select stream, seen from ${name}_v1`)).map(({ stream, seen }) => [stream, seen]),
  );

/** Whether each stream has taken in all of its own but these, in order. */
async function hasOthers(
  { bench, fed }: Stage,
  name: string,
  without: (mark: string, isBehind: boolean) => boolean,
  poisonous: ReadonlySet<string>,
): Promise<boolean> {
  const applied = await appliedBy(bench, name);
  const stopped = new Set<StreamName>();
  const wanted = new Map<string, string[]>();
  for (const { stream, mark } of fed) {
    const isBehind = stopped.has(stream);
    if (poisonous.has(mark)) stopped.add(stream);
    if (!without(mark, isBehind)) wanted.set(stream, [...(wanted.get(stream) ?? []), mark]);
  }
  return wanted.size === applied.size && [...wanted].every(([stream, marks]) => applied.get(stream)?.join() === marks.join());
}
const countOf = (applied: ReadonlyMap<string, readonly string[]>): number =>
  [...applied.values()].reduce((sum, marks) => sum + marks.length, 0);

const parkedOf = async ({ bench }: Stage, name: string): ReturnType<typeof listParked> => listParked(bench.db, name, '', 10_000);

async function judgeParked(stage: Stage): Promise<void> {
  const { bench, run, fed, poison: marks, behind } = stage;
  const parked = await parkedOf(stage, 'model');
  const waiting = parked.filter(({ error }) => error === 'behind').length;
  run.figure('events', fed.length, `of which ${String(marks.size)} are poison`);
  run.must(
    'poison is parked, and what lies behind it in its stream waits',
    parked.length === marks.size + behind && waiting === behind,
    `${String(parked.length - waiting)} and ${String(waiting)}`,
  );
  const rest = await hasOthers(stage, 'model', (mark, isBehind) => marks.has(mark) || isBehind, marks);
  run.must('all else is applied, each stream in order', rest, countOf(await appliedBy(bench, 'model')));
  run.must(
    'another read model has everything',
    await hasOthers(stage, 'other', () => false, new Set()),
    countOf(await appliedBy(bench, 'other')),
  );
}

/** Asked again while it is still poison, it stays; left out, what waited goes on in order. */
async function judgeRetry(stage: Stage): Promise<void> {
  const { bench, run, fed, poison: marks } = stage;
  const poisonOf = async () => (await parkedOf(stage, 'model')).filter(({ error }) => error !== 'behind');
  const before = await parkedOf(stage, 'model');
  for (const { id } of await poisonOf()) await askParked(bench.db, 'model', id, 'retry');
  await until(async () => (await poisonOf()).every(({ tries, wish }) => tries > (before[0]?.tries ?? 0) && wish === null), PATIENCE_MS);
  const still = await parkedOf(stage, 'model');
  run.must('asked for again while it is still poison, it stays parked', still.length === before.length, still.length);
  for (const { id } of await poisonOf()) await askParked(bench.db, 'model', id, 'skip');
  await until(async () => (await parkedOf(stage, 'model')).length === 0, PATIENCE_MS);
  const applied = countOf(await appliedBy(bench, 'model'));
  const inOrder = await hasOthers(stage, 'model', (mark) => marks.has(mark), new Set());
  run.must('left out, all others are applied, each stream in order', inOrder && applied === fed.length - marks.size, applied);
}

/** Facts cannot be left out; mended, they are all there. */
async function judgeFacts(stage: Stage, toFacts: Set<string>): Promise<void> {
  const { bench, run } = stage;
  const parked = (await parkedOf(stage, 'facts')).filter(({ error }) => error !== 'behind');
  const answers = new Set<string>();
  for (const { id } of parked) answers.add(await askParked(bench.db, 'facts', id, 'skip'));
  run.must('what is facts cannot be left out', [...answers].join() === 'facts', [...answers].join());
  toFacts.clear();
  for (const { id } of parked) await askParked(bench.db, 'facts', id, 'retry');
  await until(async () => (await parkedOf(stage, 'facts')).length === 0, PATIENCE_MS);
  const applied = countOf(await appliedBy(bench, 'facts'));
  run.must(
    'mended and asked for again, facts are whole, each stream in order',
    await hasOthers(stage, 'facts', () => false, new Set()),
    applied,
  );
}

const statusOf = async (dispatch: DispatchBench, id: Parameters<DispatchBench['state']>[0]): Promise<string> =>
  [...(await dispatch.state(id)).deliveries.values()]
    .map(({ status, code }) => (status === 'deferred' ? `${status} ${code ?? ''}` : status))
    .join(', ');

type Asked = Parameters<DispatchBench['state']>[0];

async function judgeGates({ bench, run }: Stage, dispatch: DispatchBench, ann: StreamName): Promise<Asked> {
  dispatch.ports.facts.parked = (streams) => parkedFacts(bench.db, streams);
  const asked = await dispatch.request({ people: [{ name: 'ann' }, { name: 'bob' }] });
  await dispatch.drain();
  const said = await statusOf(dispatch, asked);
  run.must('who is parked waits, and others get theirs', said === 'deferred facts_unavailable, sent', said);
  run.must(
    'nothing was handed over for who is parked',
    dispatch.provider.ledger.length === 1 && (await parkedFacts(bench.db, [ann])).size === 1,
    dispatch.provider.ledger.length,
  );
  return asked;
}

async function judgeHealed({ run }: Stage, dispatch: DispatchBench, asked: Asked): Promise<void> {
  await dispatch.onwards();
  const said = await statusOf(dispatch, asked);
  run.must('when the facts are whole, it goes', said === 'sent, sent', said);
}
