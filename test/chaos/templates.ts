import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../support/client.ts';
import { DERIVED, EXHAUSTING, GREEDS, GREEDY, RUNNING_CODE, UNSAFE_HTML } from '../support/hostileTemplates.ts';
import { cpuMsOf } from '../support/processUse.ts';
import type { Program } from '../support/program.ts';
import { quantile } from '../support/quantile.ts';
import { pick } from './hostileValues.ts';
import { clientFor } from './feeder.ts';
import { PRODUCTION, withProgram } from './ground.ts';
import type { Chaos, ChaosRun } from './chaosRun.ts';

type Size = {
  /** Times that honest callers are measured alone and beside the others, in turns. */
  readonly rounds: number;
  /** Milliseconds of each. */
  readonly ms: number;
  /** p99 of the honest beside the hostile ÷ alone; 0: it is told, and nothing depends on it. */
  readonly times: number;
  /** Milliseconds of the service's processor in which a hostile template must have its answer; 0: likewise. Others may keep the machine busy. */
  readonly answeredMs: number;
  /** Templates that are tried at once, before anything is measured. */
  readonly atOnce: number;
};

const HONEST_CALLERS = 4;
/** Between the requests of an honest caller, milliseconds: they do not load the service for its own sake. */
const THINKING_MS = 10;

/** Templates of no good intent through the service itself, and what they cost those who write honest ones. */
export const templates: Chaos<Size> = {
  long: { rounds: 6, ms: 10_000, times: 2, answeredMs: 1_000, atOnce: 1 },
  short: { rounds: 1, ms: 1_500, times: 0, answeredMs: 0, atOnce: 6 },
  run: (size, run) => withProgram({ env: PRODUCTION }, (program) => rendered(program, size, run)),
};

type Hostile = { readonly name: string; readonly html: string; readonly text?: string };

/** What the greedy ones go through, small enough for one request. */
const SMALL = Object.fromEntries(
  Object.entries(GREEDS).map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, 100_000) : value]),
);
const HOSTILE: readonly Hostile[] = [
  ...[...RUNNING_CODE, ...UNSAFE_HTML].map(([source]) => ({ name: source, html: source, text: 'x' })),
  ...[...GREEDY, ...EXHAUSTING].map(([name, source]) => ({ name, html: source, text: 'x' })),
  ...DERIVED.map(([name, html]) => ({ name, html })),
];

/** Only what a template names, so that the request itself costs little. */
const variablesFor = ({ html }: Hostile): object =>
  Object.fromEntries(Object.entries(SMALL).filter(([name]) => new RegExp(`\\b${name}\\b`).test(html.slice(0, 2_000))));
const contentOf = ({ html, text }: Hostile): object => ({ email: { subject: 'x', html, ...(text !== undefined && { text }) } });
const inline = (hostile: Hostile): object => ({
  type: 'hostile',
  category: 'transactional',
  recipients: [{ email: 'hostile@example.com' }],
  content: contentOf(hostile),
  variables: variablesFor(hostile),
});

const HONEST = {
  subject: 'Order {{ order.number }}',
  html: `<h1>Hello {{ recipient.name | default('you') }}</h1><table>{% for item in order.items %}<tr><td>{{ item.name }}<td>{{ item.price | currency('EUR') }}{% endfor %}</table><p>{{ order.date | date('long') }} <a href="{{ url }}">Track it</a></p>`,
};
const order = {
  number: 'A-1',
  date: '2026-12-01T09:00:00Z',
  items: Array.from({ length: 20 }, (_, at) => ({ name: `thing ${String(at)}`, price: at * 1.5 })),
};
const HONEST_VARIABLES = { order, url: 'https://shop.example.com/a' };
const KEY = '/v1/templates';

type Seen = {
  readonly name: string;
  readonly how: string;
  readonly status: number;
  readonly ms: number;
  readonly cpuMs: number;
  readonly codes: readonly string[];
  readonly output: string;
};

async function timed<T>(run: () => Promise<T>): Promise<readonly [T, number]> {
  const began = performance.now();
  const result = await run();
  return [result, performance.now() - began];
}

/** One hostile template by every way in: as a draft that is looked at and published, and in a message of its own. */
async function* attempts(program: Program, hostile: Hostile, nth: number): AsyncGenerator<Seen> {
  const client = clientFor(program);
  const key = `${KEY}/hostile-${String(nth)}`;
  const ways = [
    ['draft', () => client.put(key, { locales: { en: contentOf(hostile) }, fallback: 'en' })],
    ['preview', () => client.post(`${key}/preview`, { variables: variablesFor(hostile) })],
    ['publish', () => client.post(`${key}/publish`)],
    ['test', () => client.post(`${key}/test`, { recipient: { email: 'hostile@example.com' }, variables: variablesFor(hostile) })],
    ['send', () => client.post('/v1/notifications', inline(hostile))],
  ] as const;
  for (const [how, ask] of ways) {
    const before = cpuMsOf(program.pid);
    const [{ status, body }, ms] = await timed(ask);
    const cpuMs = cpuMsOf(program.pid) - before;
    const codes = [body.code, ...(body.failures ?? []).map(({ code }: { code: string }) => code)].filter((code) => code !== undefined);
    yield { name: hostile.name, how, status, ms, cpuMs, codes, output: JSON.stringify(body.channels ?? '') };
  }
}

async function prepared(client: Client): Promise<void> {
  await client.put(`${KEY}/honest`, { locales: { en: { email: HONEST } }, fallback: 'en' });
  const { status, body } = await client.post(`${KEY}/honest/publish`);
  if (status !== 200) throw new Error(`the honest template was not published: ${JSON.stringify(body)}`);
}

/** Previews, tests and sends, in turns, until it is over. Milliseconds of each. */
async function honest(client: Client, until: number, failed: (what: string) => void): Promise<readonly number[]> {
  const ways = [
    () => client.post(`${KEY}/honest/preview`, { variables: HONEST_VARIABLES }),
    () => client.post(`${KEY}/honest/test`, { recipient: { email: 'a@example.com' }, variables: HONEST_VARIABLES }),
    () => client.post('/v1/notifications', { type: 'honest', category: 'transactional', recipients: [{ email: 'a@example.com' }], content: { email: HONEST }, variables: HONEST_VARIABLES }),
  ]; // prettier-ignore
  const took: number[] = [];
  for (let nth = 0; performance.now() < until; nth += 1) {
    const ask = ways[nth % ways.length];
    if (ask === undefined) break;
    const [{ status, body }, ms] = await timed(ask);
    took.push(ms);
    if (status >= 300 || (body.failures ?? []).length > 0) failed(`${String(status)} ${JSON.stringify(body).slice(0, 300)}`);
    await pause(THINKING_MS);
  }
  return took;
}

const crowd = async (client: Client, ms: number, failed: (what: string) => void): Promise<readonly number[]> => {
  const until = performance.now() + ms;
  return (await Promise.all(Array.from({ length: HONEST_CALLERS }, () => honest(client, until, failed)))).flat();
};

/** Processes that it has started: each belongs to the thread that did, and templates are rendered in more than one. */
const childrenOf = ({ pid }: Program): string => {
  const threads = `/proc/${String(pid)}/task`;
  const children = readdirSync(threads).flatMap((thread) => readFileSync(`${threads}/${thread}/children`, 'utf8').trim().split(/\s+/));
  return children
    .filter((child) => child !== '')
    .sort()
    .join(' ');
};

/** Answers that say what became of it: refused as it was written, over its budget, or rendered to something harmless. */
const FINE = new Set(['template_invalid', 'template_budget_exceeded', 'template_not_found', 'validation_failed', 'append_too_large', 'body_too_large']); // prettier-ignore

async function rendered(program: Program, { rounds, ms, times, answeredMs, atOnce }: Size, run: ChaosRun): Promise<void> {
  const client = clientFor(program);
  await prepared(client);
  const before = childrenOf(program);
  const wrong: string[] = [];
  const failed = (what: string): void => void wrong.push(`honest: ${what}`);
  const seen: Seen[] = [];
  const note = (it: Seen): void => {
    seen.push(it);
    const bad = it.status >= 500 || it.codes.some((code) => !FINE.has(code)) || /uid=|root:|\[native code\]|function /.test(it.output);
    if (bad) wrong.push(`${it.name.slice(0, 80)}, ${it.how}: ${String(it.status)} ${it.codes.join()} ${it.output.slice(0, 200)}`);
  };

  // Everything is compiled and connected before anything is measured.
  await crowd(client, 2_000, failed);
  // Each by every way in.
  const waiting = HOSTILE.entries();
  const trier = async (): Promise<void> => {
    for (const [nth, hostile] of waiting) for await (const it of attempts(program, hostile, nth)) note(it);
  };
  await Promise.all(Array.from({ length: atOnce }, trier));
  run.say(`${String(HOSTILE.length)} templates, ${String(seen.length)} attempts`);

  const [alone, beside]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    alone.push(...(await crowd(client, ms, failed)));
    let over = false;
    const others = (async () => {
      while (!over) {
        const nth = Math.floor(run.random() * HOSTILE.length);
        for await (const it of attempts(program, pick(run.random, HOSTILE), nth)) {
          note(it);
          if (over) break;
        }
      }
    })();
    beside.push(...(await crowd(client, ms, failed)));
    over = true;
    await others;
    run.say(`round ${String(round + 1)}: p99 ${quantile(alone, 0.99).toFixed(1)} ms alone, ${quantile(beside, 0.99).toFixed(1)} ms beside`);
  }
  told(program, { seen, wrong, alone, beside, before, times, answeredMs }, run);
}

type Results = {
  readonly seen: readonly Seen[];
  readonly wrong: readonly string[];
  readonly alone: readonly number[];
  readonly beside: readonly number[];
  readonly before: string;
} & Pick<Size, 'times' | 'answeredMs'>;

function told(program: Program, { seen, wrong, alone, beside, before, times, answeredMs }: Results, run: ChaosRun): void {
  const slowest = seen.reduce((one, other) => (other.cpuMs > one.cpuMs ? other : one));
  const ratio = quantile(beside, 0.99) / quantile(alone, 0.99);
  const bad = program.faults();
  const slow = [...seen].sort((one, other) => other.cpuMs - one.cpuMs).slice(0, 8);
  for (const { name, how, ms, cpuMs } of slow)
    run.say(`${String(cpuMs)} ms of processor, ${ms.toFixed(0)} ms: ${how}, ${name.slice(0, 100)}`);
  run.figure('hostile templates', HOSTILE.length, 'by five ways in each');
  run.figure('hostile requests', seen.length, 'in all');
  run.figure('refused as they are written', seen.filter(({ codes }) => codes.includes('template_invalid')).length, 'requests');
  run.figure('ended by the budget', seen.filter(({ codes }) => codes.includes('template_budget_exceeded')).length, 'requests');
  run.figure('hostile, p99', quantile(seen.map((it) => it.ms), 0.99), 'ms'); // prettier-ignore
  run.figure('honest requests', alone.length + beside.length, 'alone and beside');
  run.figure('honest alone, p50', quantile(alone, 0.5), 'ms');
  run.figure('honest alone, p99', quantile(alone, 0.99), 'ms');
  run.figure('honest beside, p50', quantile(beside, 0.5), 'ms');
  run.figure('honest beside, p99', quantile(beside, 0.99), 'ms');
  run.must('there are at least 150 hostile templates', HOSTILE.length >= 150, HOSTILE.length);
  run.must('each is refused, ends within its budget, or does nothing', wrong.length === 0, wrong[0] ?? 'all');
  run.must('none starts a process', childrenOf(program) === before, childrenOf(program) === before ? 'none' : 'another one');
  run.must('no error is logged', program.isRunning() && bad.length === 0, bad.length === 0 ? 'none' : JSON.stringify(bad[0]));
  const last = `${String(slowest.cpuMs)} ms at the most (${slowest.how}, ${slowest.name.slice(0, 60)})`;
  if (answeredMs > 0) run.must(`each has its answer within ${String(answeredMs)} ms of processor`, slowest.cpuMs <= answeredMs, last);
  else run.figure('hostile, the most of processor', slowest.cpuMs, 'ms');
  if (times > 0) run.must(`p99 of honest templates beside them ÷ alone, at most ${String(times)}`, ratio <= times, ratio.toFixed(2));
  else run.figure('p99 beside ÷ alone', ratio, 'times');
}
