import { readFileSync } from 'node:fs';
import { parseConfig, type Config } from '../config.ts';
import type { Problem } from '../config/settings.ts';
import { EXIT, Failure } from './failure.ts';
import type { Io } from './terminal.ts';

export const readText = (path: string): string => readFileSync(path, 'utf8');

const problemLines = (problems: readonly Problem[]): readonly string[] =>
  problems.map(({ name, expected }) => `  ${name}: expected ${expected}`);

/** @throws Failure with every problem. */
export function configOf({ env }: Io): Config {
  const parsed = parseConfig(env, readText);
  if ('config' in parsed) return parsed.config;
  throw new Failure(EXIT.config, 'The configuration is wrong:', ...problemLines(parsed.problems));
}
