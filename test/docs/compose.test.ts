import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig, type Config } from '../../src/config.ts';

type Health = { readonly test: readonly string[] };
type Service = {
  readonly image?: string;
  readonly build?: string;
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>;
  readonly healthcheck?: Health;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly command?: readonly string[];
  readonly deploy?: { readonly replicas: number };
};
type File = { readonly services: Readonly<Record<string, Service>>; readonly volumes: Readonly<Record<string, null>> };

const text = readFileSync('docker-compose.yml', 'utf8');
const image = readFileSync('Dockerfile', 'utf8');
const pages = ['docs/operating.md', 'README.md'].map((name) => readFileSync(name, 'utf8'));
const VARIABLE = /\$\$|\$\{(\w+):-([^}]*)\}/g;

/** As `docker compose` reads it: with variables of the environment, or their defaults. */
function composed(env: Readonly<Record<string, string>> = {}): File {
  const put = (_: string, name: string | undefined, fallback: string): string =>
    name === undefined ? '$' : env[name] === undefined || env[name] === '' ? fallback : env[name];
  const values = (_: unknown, value: unknown): unknown => (typeof value === 'string' ? value.replaceAll(VARIABLE, put) : value);
  return parse(text, values, { merge: true }) as File;
}

const { services, volumes } = composed();
const named = Object.entries(services);
const service = (name: string): Service => services[name] ?? expect.fail(`no service ${name}`);
const isOurs = ({ build }: Service): boolean => build !== undefined;
/** Ends when its work is done. */
const ONCE = ['certificates'];
/** Images that bring a health check of their own, seen in the Dockerfile of their release. */
const CHECKED_BY_IMAGE = ['eventstore/eventstore:23.10.2-bookworm-slim'];

test('without a profile there are Tidings and Postgres', () => {
  expect(named.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name)).toStrictEqual(['tidings', 'postgres']);
});

test('every service that stays has a health check', () => {
  expect(image).toMatch(/^HEALTHCHECK [^]*\/health\/live/m);
  const without = named.filter(([, it]) => it.healthcheck === undefined && !isOurs(it) && !CHECKED_BY_IMAGE.includes(it.image ?? ''));
  expect(without.map(([name]) => name)).toStrictEqual(ONCE);
});

test('Postgres is healthy where others reach it, and not while it makes its database behind a socket', () => {
  const { test: asked = [] } = service('postgres').healthcheck ?? {};
  expect([asked[0], asked[1], asked[asked.indexOf('--host') + 1]]).toStrictEqual(['CMD', 'pg_isready', '127.0.0.1']);
});

test('who waits for others waits for what there is, and for what a profile brings only where that is on', () => {
  const waits = named.flatMap(([name, it]) =>
    Object.entries(it.depends_on ?? {}).map(([other, { condition, required = true }]) => ({ name, other, condition, required })),
  );
  expect(waits.length).toBeGreaterThan(6);
  for (const { name, other, condition, required } of waits) {
    expect([name, other, condition]).toStrictEqual([
      name,
      other,
      ONCE.includes(other) ? 'service_completed_successfully' : 'service_healthy',
    ]);
    const isThere = (service(other).profiles ?? service(name).profiles)?.join() === service(name).profiles?.join();
    expect([name, other, required]).toStrictEqual([name, other, isThere]);
  }
});

test('every volume is declared, and none is declared for nothing', () => {
  const mounted = named.flatMap(([, it]) => (it.volumes ?? []).map((mount) => mount.split(':')[0] ?? ''));
  expect([...new Set(mounted)].sort()).toStrictEqual(Object.keys(volumes).sort());
});

test('ports are this machine’s own', () => {
  const ports = named.flatMap(([, it]) => it.ports ?? []);
  expect(ports.length).toBeGreaterThan(2);
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toStrictEqual([]);
});

/** `NAME='value' docker compose --profile name …`, of the comment and the pages. */
const lines = [text.replaceAll(/ \\\n# +/g, ' ').replaceAll(/^# {3}/gm, ''), ...pages.map((page) => page.replaceAll(/ \\\n */g, ' '))]
  .flatMap((page) => [...page.matchAll(/^((?:\w+=\S+ )*)docker compose ((?:--profile \w+ )*)up/gm)])
  .map(([line, settings = '', flags = '']) => ({
    line,
    profiles: [...flags.matchAll(/--profile (\w+)/g)].map(([, name = '']) => name),
    env: Object.fromEntries([...settings.matchAll(/(\w+)='?([^' ]+)/g)].map(([, name = '', value = '']) => [name, value])),
  }));

describe('the command lines', () => {
  test('name every profile but that which nothing uses yet, and no other', () => {
    const all = [...new Set(named.flatMap(([, { profiles = [] }]) => profiles))];
    expect([...new Set(lines.flatMap(({ profiles }) => profiles))].sort()).toStrictEqual(all.filter((name) => name !== 'kafka').sort());
  });

  test.each(lines)('$line: the servers that it names are those of its profiles', ({ profiles, env }) => {
    const hosts = Object.values(env).flatMap((url) => [...url.matchAll(/(?<=[/@,])\w+(?=:\d)/g)].map(([host]) => host));
    const brought = hosts.map((host) => service(host).profiles?.[0]);
    expect([...new Set(brought)]).toStrictEqual(profiles.filter((name) => name !== 'processes'));
  });

  /** What the image itself sets, the file's settings, and secrets as the first process makes them. */
  const configOf = (it: Service): Config => {
    const set = Object.fromEntries(
      [...(/^ENV (.+)$/m.exec(image)?.[1] ?? '').matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
    );
    const secret = (path: string): string =>
      path === '/run/tidings/master-keys' ? `m1:${randomBytes(32).toString('base64')}` : `tidings_${randomBytes(32).toString('hex')}`;
    const parsed = parseConfig({ ...set, ...it.environment }, secret);
    return 'config' in parsed ? parsed.config : expect.fail(JSON.stringify(parsed.problems));
  };

  test.each(lines)('$line: every process takes its settings', ({ env }) => {
    const ours = Object.entries(composed(env).services).filter(([, it]) => isOurs(it));
    const configs = ours.map(([name, it]) => [name, configOf(it)] as const);
    expect(configs.map(([name, { roles }]) => [name, roles])).toStrictEqual([
      ['tidings', ['api', 'worker', 'projector', 'ingest']],
      ['worker', ['worker']],
      ['projector', ['projector']],
    ]);
    for (const [, { eventStore }] of configs)
      expect(eventStore).toStrictEqual(env['EVENT_STORE_URL'] === undefined ? 'database' : { esdb: env['EVENT_STORE_URL'] });
    expect(configs.map(([, { adminKey, masterKeys }]) => [adminKey === undefined, masterKeys === undefined])).toStrictEqual([
      [true, true],
      [false, false],
      [false, false],
    ]);
  });
});

test('two that send and two that fill the read models come with `processes`, and find the secrets of the first', () => {
  for (const name of ['worker', 'projector']) {
    expect([service(name).profiles, service(name).deploy?.replicas]).toStrictEqual([['processes'], 2]);
    expect(service(name).volumes).toContain('tidings:/run/tidings:ro');
  }
  expect(service('tidings').volumes).toContain('tidings:/var/lib/tidings');
});

test('the nodes of the cluster know each other, by the names that their certificates have', () => {
  const nodes = ['eventstoredb1', 'eventstoredb2', 'eventstoredb3'];
  expect(named.filter(([, { profiles }]) => profiles?.includes('cluster')).map(([name]) => name)).toStrictEqual(['certificates', ...nodes]);
  for (const [at, node] of nodes.entries()) {
    const { environment = {}, volumes: mounts } = service(node);
    const others = nodes.filter((name) => name !== node).map((name) => `${name}:2113`);
    expect(environment).toMatchObject({
      EVENTSTORE_CLUSTER_SIZE: '3',
      EVENTSTORE_GOSSIP_SEED: others.join(),
      EVENTSTORE_NODE_HOST_ADVERTISE_AS: node,
      EVENTSTORE_REPLICATION_HOST_ADVERTISE_AS: node,
    });
    expect(mounts).toContain(`${node}-certs:/certs:ro`);
    expect(service('certificates').volumes).toContain(`${node}-certs:/certs/${String(at + 1)}`);
  }
  expect(service('certificates').command?.[0]).toContain('for node in 1 2 3');
  expect(service('certificates').command?.[0]).toContain('-dns-names eventstoredb$node');
});

test('every variable that the file asks for is told in operating.md', () => {
  const asked = new Set([...text.matchAll(VARIABLE)].flatMap(([, name]) => (name === undefined ? [] : [name])));
  expect([...asked].filter((name) => !pages[0]?.includes(`\`${name}\``))).toStrictEqual([]);
});
