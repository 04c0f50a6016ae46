import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const rules = createRequire(import.meta.url)('../.dependency-cruiser.cjs');

/**
 * Checks the layers of `<root>/src`: the violations, and how many modules were read (a checker that read none has proved nothing).
 * @param {string} root
 */
export async function checkLayers(root) {
  const { options, forbidden } = rules;
  const { output } = await cruise(['src'], { ...options, baseDir: root, validate: true, ruleSet: { forbidden } }, undefined, {
    tsConfig: extractTSConfig(new URL('../tsconfig.json', import.meta.url).pathname),
  });
  const { modules, summary } = output;
  const read = modules.filter(({ source }) => source.startsWith('src/')).length;
  return { read, violations: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })) };
}

/** @returns {Promise<boolean>} whether all is well; says what is not */
export async function reportLayers(root) {
  const { read, violations } = await checkLayers(root);
  for (const { rule, from, to } of violations) console.log(`${rule}: ${from} → ${to}`);
  if (read === 0) console.log('no module was read: the check of the layers is broken');
  else console.log(`${read} modules, ${violations.length} violations`);
  return read > 0 && violations.length === 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = new URL('..', import.meta.url).pathname;
  process.exitCode = (await reportLayers(root)) ? 0 : 1;
}
