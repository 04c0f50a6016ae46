import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

let bundle: Promise<string> | undefined;

/** Redoc's standalone script, which the package brings along: read once, when somebody first opens the page. */
export const redocBundle = (): Promise<string> =>
  (bundle ??= readFile(createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js'), 'utf8'));
