import type { TestProject } from 'vitest/node';
import { startDoubleProcess } from './eventstoredb/doubleProcess.ts';
import { DOUBLE, wantsDouble } from './eventStoreServer.ts';
import { scratchForRun } from './postgresServer.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresScratch: string;
  }
}

/**
 * Gives the run a scratch directory; the server in it starts when the first test asks for a database, and is stopped here. The double of an
 * EventStoreDB that the run wants as its one server is started here, as the environment of all that follows.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const { scratch, discard } = await scratchForRun();
  project.provide('postgresScratch', scratch);
  const double = wantsDouble() ? await startDoubleProcess() : undefined;
  if (double) Object.assign(process.env, { EVENT_STORE_URL: double.url, [DOUBLE]: double.url });
  return async () => {
    double?.close();
    await discard();
  };
}
