import { RETRY } from '../../src/domain/policy/retry.ts';
import { deliveryIdOf } from '../../src/domain/notification/delivery.ts';
import type { BatchId, DeliveryId, KeyedHash, NotificationId } from '../../src/domain/values/ids.ts';
import type { Claim } from '../../src/processes/process.ts';
import { openDispatch, type DispatchBench } from '../support/dispatchBench.ts';
import { fakeProvider } from '../support/fakeProvider.ts';
import type { Config, World } from './world.ts';

const LEASE_MS = 1_000_000_000;
export const RECHECK_MS = 1_000_000;
/** Short enough for a tick to pass many times within a claim; as long for the third as for the first, since the model counts no tries. */
const RETRIES = { ...RETRY, baseMs: 500_000, capMs: 500_000 };
/** The longest that anybody puts anything off. */
export const LONGEST_MS = RETRY.capMs + RECHECK_MS;

export const BATCH = '01890000-0000-7000-8000-000000000001' as BatchId;
export const mailOf = (address: string): string => `at${address.slice(1)}@example.com`;

/** The real code, set up as a configuration of the model: a log and tables in memory, a clock moved by hand, a provider that is told its answers. */
export type Code = {
  readonly world: World;
  readonly bench: DispatchBench;
  /** By the model's numbers. */
  readonly ids: readonly NotificationId[];
  /** By the model's numbers, as long as something names them. */
  readonly claims: Map<number, Claim>;
  /** Messages that the provider took. */
  readonly taken: Map<DeliveryId, number>;
  /** The number of a delivery within its notification: everyone has one channel. */
  readonly placeOf: (d: number) => number;
  readonly placesOf: (items: readonly number[]) => readonly number[];
  readonly deliveryId: (d: number) => DeliveryId;
};

/** `isOptedOut`: whether facts say so by now. */
export async function openCode(world: World, isOptedOut: () => boolean): Promise<Code> {
  const { cfg } = world;
  const covered = new Set(cfg.deliveries.filter((_, d) => world.isCovered(d)).map(({ address }) => mailOf(address)));
  let claims = 0;
  const bench = await openDispatch({
    provider: fakeProvider({ deadlineMs: 0 }),
    // Far apart, so that the end of one claim is not that of the next.
    leaseMs: () => LEASE_MS * ++claims,
    retry: { ...RETRIES, maxTries: cfg.maxTries ?? 99, maxStarts: cfg.maxStarts ?? 99 },
    ...(cfg.optOut === undefined ? {} : { allowlist: (_: unknown, address: string) => !(isOptedOut() && covered.has(address)) }),
  });
  const ids: NotificationId[] = [];
  for (const n of new Set(cfg.deliveries.map(({ notification }) => notification))) ids.push(await request(bench, cfg, n));
  const placeOf = (d: number): number => 8 * cfg.deliveries.filter((it, other) => other < d && it.notification === world.nOf(d)).length;
  return {
    world,
    bench,
    ids,
    claims: new Map(),
    taken: new Map(),
    placeOf,
    placesOf: (items) => items.map(placeOf).sort((a, b) => a - b),
    deliveryId: (d) => deliveryIdOf(ids[world.nOf(d)]!, placeOf(d)),
  };
}

async function request(bench: DispatchBench, cfg: Config, n: number): Promise<NotificationId> {
  const own = cfg.deliveries.filter(({ notification }) => notification === n);
  const key = own[0]?.key;
  return bench.request({
    people: own.map(({ subject, address }) => ({ name: subject, person: { email: mailOf(address) } })),
    terms: {
      unknownOutcome: cfg.hold === true ? 'hold' : 'retry',
      ...(key === undefined ? {} : { dedup: { key: key as KeyedHash, windowMs: 1_000_000_000_000 } }),
    },
    ...(cfg.batch === undefined ? {} : { data: { batch: { batchId: BATCH, chunk: 0 } } }),
  });
}
