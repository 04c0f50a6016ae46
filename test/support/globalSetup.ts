import type { TestProject } from 'vitest/node';
import { scratchForRun } from './postgresServer.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresScratch: string;
  }
}

/** Gives the run a scratch directory; the server in it starts when the first test asks for a database, and is stopped here. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const { scratch, discard } = await scratchForRun();
  project.provide('postgresScratch', scratch);
  return discard;
}
