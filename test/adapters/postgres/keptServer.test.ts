import { expect, test } from 'vitest';
import { PortError } from '../../../src/domain/kernel/portError.ts';
import { keepServer, type KeptObserver } from '../../../src/adapters/postgres/keptServer.ts';
import type { RunningServer } from '../../../src/adapters/postgres/server.ts';

type Fake = RunningServer & { readonly die: () => void; readonly stopped: () => number };

function server(): Fake {
  let die: () => void = () => undefined;
  let stops = 0;
  const ended = new Promise<void>((resolve) => (die = resolve));
  return {
    port: 1,
    pid: 1,
    ended,
    die,
    stopped: () => stops,
    stop: () => {
      stops += 1;
      die();
      return Promise.resolve();
    },
  };
}

/** What was told, in order, and a wait for the next word. */
function hearing() {
  const told: string[] = [];
  let heard: () => void = () => undefined;
  const tell = (what: string): void => {
    told.push(what);
    heard();
  };
  const observer: KeptObserver = {
    onEnded: () => tell('ended'),
    onRestarted: () => tell('restarted'),
    onLost: ({ code, message }) => tell(`${code}: ${message}`),
  };
  const until = async (count: number): Promise<readonly string[]> => {
    while (told.length < count) await new Promise<void>((resolve) => (heard = resolve));
    return told;
  };
  return { observer, told, until };
}

const PATIENT = { pauseMs: 1, patienceMs: 60_000 };
const failing = (): Promise<never> => Promise.reject(new PortError('unavailable', 'postgres_did_not_start', 'its memory is still in use.'));

test('a server that ends is started again, also after starts that failed', async () => {
  const { observer, until } = hearing();
  const [first, second] = [server(), server()];
  let tries = 0;
  const kept = keepServer(first, () => ((tries += 1) < 3 ? failing() : Promise.resolve(second)), observer, PATIENT);
  first.die();
  expect(await until(2)).toStrictEqual(['ended', 'restarted']);
  expect(tries).toBe(3);
  await kept.stop();
  expect(second.stopped()).toBeGreaterThan(0);
});

test('one that does not come back is lost, with the reason', async () => {
  const { observer, until } = hearing();
  const first = server();
  keepServer(first, failing, observer, { pauseMs: 1, patienceMs: 200 });
  first.die();
  expect(await until(2)).toStrictEqual([
    'ended',
    'embedded_postgres_lost: The embedded database ended and did not come back: its memory is still in use.',
  ]);
});

test('one that ends again and again is given up', async () => {
  const { observer, until } = hearing();
  let current = server();
  keepServer(
    current,
    () => {
      current = server();
      setImmediate(current.die);
      return Promise.resolve(current);
    },
    observer,
    PATIENT,
  );
  current.die();
  const told = await until(9);
  expect(told.at(-1)).toBe('embedded_postgres_lost: The embedded database ends again and again: its log says why.');
  expect(told.filter((it) => it === 'ended')).toHaveLength(4);
});

test('one that is stopped is not started again, nor is one whose start was under way left running', async () => {
  const { observer, told } = hearing();
  const [first, second] = [server(), server()];
  let start: (it: Fake) => void = () => undefined;
  let asked: () => void = () => undefined;
  const wasAsked = new Promise<void>((resolve) => (asked = resolve));
  const kept = keepServer(
    first,
    () => {
      asked();
      return new Promise((resolve) => (start = resolve));
    },
    observer,
    PATIENT,
  );
  first.die();
  await wasAsked;
  const stopped = kept.stop();
  start(second);
  await stopped;
  expect(second.stopped()).toBeGreaterThan(0);
  expect(told).toStrictEqual(['ended']);
});
