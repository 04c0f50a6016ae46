import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseConfig, type Config } from '../config.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { readText } from './configuration.ts';
import { checkDatabases } from './doctor/databases.ts';
import { fail, ok, warn, type Finding } from './doctor/finding.ts';
import { checkKeys } from './doctor/keyStore.ts';
import { checkDataDir, checkNode } from './doctor/machine.ts';
import { checkPort, checkSmtp } from './doctor/network.ts';
import { checkRedis } from './doctor/redis.ts';
import { checkService, servedAt } from './doctor/running.ts';
import { EXIT, Failure } from './failure.ts';
import { masterKeysOf } from './masterKeys.ts';
import { withPlaces } from './places.ts';
import { print, printJson, type Io } from './terminal.ts';

/** An embedded database that has never been made is not made by looking at it. */
const isNew = ({ database, dataDir }: Config): boolean => database === 'embedded' && !existsSync(join(dataDir, 'postgres-passwords.json'));

async function checkStored(config: Config, io: Io): Promise<readonly Finding[]> {
  if (isNew(config)) return [ok('database', 'embedded; the first start makes it')];
  try {
    return await withPlaces(config, io, async (places) => {
      const { findings, usable } = await checkDatabases(places);
      return usable ? [...findings, ...(await checkKeys(places, masterKeysOf(config)))] : findings;
    });
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    return [fail('database', `${error.message} (${error.code})`)];
  }
}

function checkProviders({ exposed, providers }: Config): readonly Finding[] {
  const captured = Object.entries(providers).flatMap(([channel, kinds]) => (kinds.includes('capture') ? [channel] : []));
  if (!exposed || captured.length === 0) return [];
  return [
    warn('providers', `${captured.join(', ')}: messages are captured and reach nobody`, 'Meant so? TIDINGS_ALLOW permits it by name.'),
  ];
}

async function examine(io: Io): Promise<readonly Finding[]> {
  const node = checkNode(process.versions.node);
  const parsed = parseConfig(io.env, readText);
  if ('problems' in parsed)
    return [node, ...parsed.problems.map(({ name, expected }) => fail('configuration', `${name} is wrong`, `Expected: ${expected}.`))];
  const { config } = parsed;
  const url = await servedAt(config.dataDir);
  return [
    node,
    ok('configuration', 'complete (./tidings config shows it)'),
    ...checkProviders(config),
    ...checkDataDir(config.dataDir),
    ...(await checkStored(config, io)),
    ...(await checkSmtp(config)),
    ...(config.redisUrl === undefined ? [] : [await checkRedis(config.redisUrl)]),
    ...(config.roles.includes('api') ? [await checkPort(config, url)] : []),
    ...(url === undefined ? [ok('service', 'does not run on this data directory')] : await checkService(url, io)),
  ];
}

const lineOf = ({ check, status, detail, todo }: Finding): string =>
  `${status.padEnd(4)}  ${check}: ${detail}${todo === undefined ? '' : `\n      → ${todo}`}`;

/** `tidings doctor` */
export const doctorCommand = (io: Io): Command =>
  new Command('doctor')
    .description('examine machine, configuration, databases, keys, mail, port and the running service; exit 1 when something fails')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  $ ./tidings doctor')
    .action(async ({ json }: { readonly json?: true }) => {
      const findings = await examine(io);
      if (json) printJson(io, findings);
      else print(io, ...findings.map(lineOf));
      const failed = findings.filter(({ status }) => status === 'fail').length;
      if (failed > 0) throw new Failure(EXIT.refused, `${failed} of ${findings.length} checks failed`);
    });
