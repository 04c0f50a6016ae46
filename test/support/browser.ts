import { chromium, type Browser } from 'playwright-core';
import type { Need } from './needs.ts';
import { onPath } from './onPath.ts';
import { ranAgainst } from './ranAgainst.ts';

const found = onPath(['chromium', 'chromium-browser', 'google-chrome']);

export const CHROMIUM: Need = { what: 'chromium', found: found !== undefined, how: 'apt-get install chromium' };

/** The machine's own browser, without a window. Its sandbox does not run as root. */
export async function openBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: found ?? '', args: ['--no-sandbox', '--disable-gpu'] });
  ranAgainst({ part: 'Browser', name: `Chromium ${browser.version()} (${found ?? ''})`, real: true });
  return browser;
}
