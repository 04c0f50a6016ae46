import { startEmbedded } from '../../src/adapters/postgres/embedded.ts';

// Run as a process of its own (`tsx test/support/startEmbedded.ts <data directory>`), to be killed by the test.
const { port, directory } = await startEmbedded(process.argv[2] ?? '');
process.stdout.write(`${JSON.stringify({ port, directory })}\n`);
setInterval(() => undefined, 60_000);
