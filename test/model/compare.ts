import type { Delivery as RealDelivery } from '../../src/domain/notification/delivery.ts';
import type { NotificationId } from '../../src/domain/values/ids.ts';
import { ACME } from '../support/house.ts';
import { mailOf, type Code } from './code.ts';
import { WORK, type Delivery } from './protocol.ts';
import { same } from './same.ts';
import type { State } from './world.ts';

/** Logs, table, provider, reservations: the code's against the model's. @throws where they differ. */
export async function compare(code: Code, state: State): Promise<void> {
  for (const [n, id] of code.ids.entries()) {
    await compareLog(code, state, [n, id]);
    compareTable(code, state, [n, id]);
  }
  const took = code.world.cfg.deliveries.map((_, d) => code.taken.get(code.deliveryId(d)) ?? 0);
  same('what the provider took', took, state.taken);
  const held = [...code.bench.reservations.held.values()].map(({ delivery }) => delivery).sort();
  const reserved = Object.values(state.reserved).map(code.deliveryId).sort();
  same('reservations', held, reserved);
}

/** Those that an opt-out waits for. @throws where others are found. */
export async function compareClaims({ world, bench, claims }: Code, after: State): Promise<void> {
  const { optOut } = world.cfg;
  const subject = await bench.subject(optOut!.subject);
  const keys = optOut!.address === undefined ? [] : await bench.house.indexes.hash(ACME, 'address', [`email:${mailOf(optOut!.address)}`]);
  const live = [...bench.actions.live()].filter(
    ([, it]) => it.subjects.includes(subject) || it.addresses.some((key) => keys.includes(key as never)),
  );
  const found = after.waitsFor.map((claim) => claims.get(claim)!.id).sort();
  same('claims that an opt-out finds', live.map(([id]) => id).sort(), found);
}

type Numbered = readonly [n: number, id: NotificationId];

async function compareLog({ world, bench, claims, placeOf }: Code, state: State, [n, id]: Numbered): Promise<void> {
  const { deliveries } = await bench.state(id);
  const view = world.protocol.page(state.logs[n]!).view;
  const own = view.of.flatMap((it, d) => (it === undefined ? [] : [[d, it] as const]));
  const meant = own.map(([, it]) => meantBy(it, it.by === 0 ? null : claims.get(it.by)?.id));
  same(
    'the log',
    own.map(([d]) => seen(deliveries.get(placeOf(d))!)),
    meant,
  );
  const now = bench.house.clock.now();
  for (const [d, it] of own) {
    const { until } = deliveries.get(placeOf(d))!;
    const isDue = it.at <= state.tick && WORK[it.status] !== 'recover';
    if (isDue && until !== undefined) same(`d${String(d)} is due`, until <= now, true);
    const isLater = it.at > state.tick && WORK[it.status] !== undefined && WORK[it.status] !== 'recover';
    if (isLater) same(`d${String(d)} has to wait`, until !== undefined && until > now, true);
  }
}

function compareTable({ world, bench, placesOf }: Code, state: State, [n, id]: Numbered): void {
  const rows = world.rowsOf(state, n).flatMap(({ kind, items }) => placesOf(items).map((place) => `${kind} ${String(place)}`));
  const real = bench.actions.rows().filter(({ target }) => target === id);
  same('the table', real.flatMap(({ kind, items }) => items.map((place) => `${kind} ${String(place)}`)).sort(), rows.sort());
}

const seen = ({ status, attempt, tries, starts, spent, doubt, unwanted, code, claim }: RealDelivery): object => ({
  status,
  attempt,
  tries,
  starts,
  spent,
  doubt,
  unwanted,
  held: status === 'deferred' && code === 'batch_paused',
  claim: claim ?? null,
});

const meantBy = ({ status, attempt, tries, starts, spent, doubt, unwanted, held }: Delivery, claim: string | null | undefined): object => ({
  status,
  attempt,
  tries,
  starts,
  spent,
  doubt,
  unwanted,
  held,
  claim,
});
