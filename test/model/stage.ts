import type { Answer, Invariant, State, Worker, World } from './world.ts';

/** Says where a worker can go from here; `bad`: what must never hold, and would. */
export type Move = (
  label: string,
  next: Worker,
  change?: Partial<State>,
  more?: { readonly bad?: Invariant | undefined; readonly answer?: Answer; readonly isTaken?: boolean },
) => void;
/** All that a worker can do where it stands. */
export type Stage = (world: World, state: State, worker: Worker, move: Move) => void;

export const isOver = (state: State, { claim }: Worker): boolean => state.over.includes(claim);

export const isRefused = (world: World, { optedOut }: Worker, d: number): boolean => optedOut && world.isCovered(d);
export const goes = (world: World, worker: Worker, schedule: number, d: number): boolean =>
  !isRefused(world, worker, d) && !worker.held && schedule <= worker.tick;
export const keyOf = (world: World, d: number): string | undefined => world.cfg.deliveries[d]!.key;
/** Its schedule is that of the log it loaded. */
export const scheduleOf = (world: World, worker: Worker, d: number): number =>
  world.protocol.page(worker.revision[world.nOf(d)]!).view.schedule;
