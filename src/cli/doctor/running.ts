import { isAlive } from '../../adapters/postgres/server.ts';
import { entriesOf, membersOf, type Members } from '../answer.ts';
import { Failure } from '../failure.ts';
import { spanOf } from '../projections.ts';
import { openService, runningIn, type ServiceClient } from '../service.ts';
import { cell, type Io } from '../terminal.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import { isServing } from './network.ts';

const LATE_MS = 60_000;

function ofConsumer({ name, status, reason, lag, parked }: Members): readonly Finding[] {
  const check = `consumer ${cell(name)}`;
  const found: Finding[] = [];
  if (status === 'stopped')
    found.push(fail(check, `stopped: ${cell(reason)}`, `If an older log was restored: ./tidings rebuild ${cell(name)}`));
  if (status === 'doubtful') found.push(warn(check, `stands still: ${cell(reason)}`, 'The log seems to end before it: wait a minute.'));
  if (status === 'idle') found.push(warn(check, 'nobody runs it', 'Start a process with the role projector.'));
  if (typeof lag === 'number' && lag > LATE_MS) found.push(warn(check, `${spanOf(lag)} behind`, 'Watch it: ./tidings projections'));
  if (typeof parked === 'number' && parked > 0)
    found.push(fail(check, `${parked} events are parked`, `Look at them (GET /v1/projections/${cell(name)}/parked), then retry.`));
  return found;
}

const unready = (body: unknown): readonly Finding[] =>
  entriesOf(body, 'checks')
    .filter((it) => it['ok'] === false)
    .map(({ name, detail }) => fail(`service: ${cell(name)}`, cell(detail), 'See the log of the service.'));

async function readiness(url: string): Promise<readonly Finding[]> {
  const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5000), redirect: 'manual' });
  const body: unknown = await response.json();
  if (membersOf(body)['ready'] === true) return [ok('service', `${url} is ready`)];
  const found = unready(body);
  return found.length > 0 ? found : [fail('service', `${url} is not ready`, 'See its log.')];
}

async function consumers(client: ServiceClient): Promise<readonly Finding[]> {
  const all = entriesOf((await client.get('/v1/projections')).body, 'data');
  const found = all.flatMap(ofConsumer);
  return found.length > 0 ? found : [ok('consumers', `${all.length} of them, none behind, nothing parked`)];
}

/** Where the service of this data directory serves; absent when it does not run. */
export async function servedAt(dataDir: string): Promise<string | undefined> {
  const running = runningIn(dataDir);
  return running !== undefined && isAlive(running.pid) && (await isServing(running.url)) ? running.url : undefined;
}

/** What the running service says of itself. */
export async function checkService(url: string, io: Io): Promise<readonly Finding[]> {
  try {
    return [...(await readiness(url)), ...(await consumers(openService({ timeout: '5' }, io)))];
  } catch (error) {
    const why = error instanceof Failure ? error.lines.join(' ') : 'it does not answer as it should';
    return [warn('service', `${url} did not say how it is: ${why}`)];
  }
}
