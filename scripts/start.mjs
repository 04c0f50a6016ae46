import { run } from './prepare.mjs';

await run(['start', ...process.argv.slice(2)]);
