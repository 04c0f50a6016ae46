import { appendFileSync } from 'node:fs';
import type { EventLog } from '../../src/commands/ports.ts';
import type { Core } from '../../src/compose/core.ts';
import type { Reads, ReadModels } from '../../src/compose/readModels.ts';
import type { Database, Transaction } from '../../src/consumers/ports.ts';
import type { Providers } from '../../src/processes/dispatch/ports.ts';
import type { Provider } from '../../src/processes/dispatch/provider.ts';

/**
 * Named points before and after every call of a port: a process that is told to stops itself at one of them. The ports are wrapped where
 * everything is wired, so the product holds none of this.
 */
export type Points = { readonly around: <T>(name: string, work: () => Promise<T>) => Promise<T>; readonly at: (name: string) => void };

export type PointsOptions = {
  /** Where the process stops itself, once. */
  readonly point?: string;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  /** Gets the name of every point that is passed, a line each. */
  readonly passedFile?: string;
  /** Points count from SIGUSR2 on: the start is not what is looked at. Told when they do. */
  readonly onArmed: () => void;
};

export function openPoints({ point, signal, passedFile, onArmed }: PointsOptions): Points {
  const passed = new Set<string>();
  let armed = false;
  process.on('SIGUSR2', () => {
    armed = true;
    onArmed();
  });
  const at = (name: string): void => {
    if (!armed) return;
    if (passedFile !== undefined && !passed.has(name)) appendFileSync(passedFile, `${name}\n`);
    passed.add(name);
    if (name !== point) return;
    armed = false;
    process.kill(process.pid, signal);
  };
  return {
    at,
    around: async (name, work) => {
      at(`${name}: before`);
      const result = await work();
      at(`${name}: after`);
      return result;
    },
  };
}

/** Methods that are listed are surrounded by points; the object stays what it is otherwise, private fields included. */
function surrounded<T extends object>(points: Points, it: T, names: Partial<Record<keyof T, string>>): T {
  return new Proxy(it, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: readonly unknown[]) => Promise<unknown>;
      const name = names[key as keyof T];
      return name === undefined ? method : (...args: readonly unknown[]) => points.around(name, () => method(...args));
    },
  });
}

type Statement = Parameters<Transaction['query']>[0];
const nameOf = ({ name, text }: Statement): string => name ?? text.trim().split(/\s+/).slice(0, 4).join(' ');

function pointedDatabase(points: Points, db: Database): Database {
  return {
    query: (statement) => points.around(nameOf(statement), () => db.query(statement)),
    presence: () => db.presence(),
    listen: (channel, heard) => db.listen(channel, heard),
    transaction: async (work, limits) => {
      let label = 'transaction';
      const result = await db.transaction(async (tx) => {
        const inner: Transaction = {
          query: (statement) => {
            if (statement.name === 'consumers.move') label = `checkpoint of ${String(statement.values?.[0])}`;
            else if (statement.name?.startsWith('reservations.') === true) label = 'reserve';
            return points.around(statement.name === 'consumers.move' ? label : nameOf(statement), () => tx.query(statement));
          },
        };
        const done = await work(inner);
        points.at(`commit, ${label}: before`);
        return done;
      }, limits);
      points.at(`commit, ${label}: after`);
      return result;
    },
  };
}

const pointedLog = (points: Points, log: EventLog): EventLog => ({
  append: (writes) => points.around(`append ${(writes[0]?.events ?? []).map(({ type }) => type).join('+')}`, () => log.append(writes)),
  read: (streams) => points.around(`read ${/^\w+/.exec(streams[0] ?? '')?.[0] ?? ''}`, () => log.read(streams)),
});

function pointedModels(points: Points, models: ReadModels): ReadModels {
  const facts: Reads = (tenant, projection, query) =>
    points.around(`facts ${projection}`, () => models.asWorker(tenant, projection, query));
  return { ...models, db: pointedDatabase(points, models.db), asWorker: facts };
}

export function pointedCore(points: Points, core: Core): Core {
  const { keys } = core.logged;
  const pointedKeys = {
    ...keys,
    vault: surrounded(points, keys.vault, { seal: 'seal', open: 'open' }),
    indexes: surrounded(points, keys.indexes, { hash: 'hash', uuid: 'identify' }),
    subjects: surrounded(points, keys.subjects, { resolve: 'name people', labels: 'label people' }),
  };
  return {
    ...core,
    logged: { ...core.logged, log: pointedLog(points, core.logged.log), keys: pointedKeys },
    models: pointedModels(points, core.models),
  };
}

/** `keyed` carries text messages; `leaseMs` of a claim is long enough for three of their calls. */
export function pointedProviders(points: Points, providers: Providers, keyed: Provider, leaseMs: number): Providers {
  const pointed = new Map<string, Provider>();
  return {
    choose: (want) => {
      const provider = want.channel === 'sms' ? keyed : providers.choose(want);
      const known = pointed.get(provider.id) ?? surrounded(points, provider, { send: `send by ${provider.id}` });
      pointed.set(provider.id, known);
      return known;
    },
    longestDeadlineMs: leaseMs / 3,
    report: (provider, healthy) => {
      providers.report(provider, healthy);
    },
  };
}
