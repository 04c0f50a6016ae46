import type { Settings } from './settings.ts';

/** `url`: the service's login; `migrationUrl`: the owner's. */
export type DatabaseUrls = { readonly url: string; readonly migrationUrl: string };

const POSTGRES = 'postgres://user:password@host:5432/database';
const ENCRYPTED = new Set(['require', 'verify-ca', 'verify-full', 'no-verify']);
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|::1)$/i;

export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

const isPostgres = (url: URL): boolean => url.protocol === 'postgres:' || url.protocol === 'postgresql:';

/** A socket's directory instead of a host: nothing leaves the machine. */
const isSocket = (url: URL): boolean =>
  url.hostname === '' || url.hostname.toLowerCase().startsWith('%2f') || url.searchParams.get('host')?.startsWith('/') === true;

/** Whether what is said to this server crosses a network in clear. */
export function crossesInClear(text: string): boolean {
  const url = new URL(text);
  const encrypted = ENCRYPTED.has(url.searchParams.get('sslmode') ?? '') || url.searchParams.get('ssl') === 'true';
  return !encrypted && !isSocket(url) && !isLoopback(url.hostname);
}

/** A URL without what is secret in it. */
export function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return '(not a URL)';
  const url = new URL(text);
  if (url.password !== '') url.password = '***';
  for (const name of ['password', 'sslpassword']) if (url.searchParams.has(name)) url.searchParams.set(name, '***');
  return url.toString();
}

function databaseUrl(settings: Settings, name: string): string | undefined {
  const text = settings.secret(name, withoutPassword);
  if (text === undefined) return undefined;
  if (URL.canParse(text) && isPostgres(new URL(text)) && new URL(text).pathname.length > 1) return text;
  settings.wrong(name, `a URL such as ${POSTGRES}`);
  return undefined;
}

/** A database and its owner's connection, which is the same one unless it has a name of its own. */
export function databaseUrls(settings: Settings, name: string, migrationName: string): DatabaseUrls | undefined {
  const [url, migrationUrl] = [databaseUrl(settings, name), databaseUrl(settings, migrationName)];
  if (url === undefined && migrationUrl !== undefined) settings.wrong(migrationName, `a valid ${name} as well`);
  return url === undefined ? undefined : { url, migrationUrl: migrationUrl ?? url };
}
