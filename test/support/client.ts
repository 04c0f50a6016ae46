import { setTimeout as pause } from 'node:timers/promises';

/** `body`: parsed where it is JSON, else the text. */
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: any };
/** Text and bytes are sent as they are; anything else as JSON. */
export type Body = string | Uint8Array | object | undefined;
export type HeaderFields = Readonly<Record<string, string>>;

export type Client = {
  readonly request: (method: string, path: string, body?: Body, headers?: HeaderFields) => Promise<Answer>;
  readonly get: (path: string) => Promise<Answer>;
  readonly post: (path: string, body?: Body, headers?: HeaderFields) => Promise<Answer>;
  readonly put: (path: string, body?: Body, headers?: HeaderFields) => Promise<Answer>;
  readonly patch: (path: string, body?: Body, headers?: HeaderFields) => Promise<Answer>;
  readonly delete: (path: string) => Promise<Answer>;
};

const isJson = (type: string | null): boolean => /^application\/(?:[\w.-]+\+)?json\b/.test(type ?? '');
const isRaw = (body: Body): body is string | Uint8Array | undefined =>
  body === undefined || typeof body === 'string' || body instanceof Uint8Array;

/** Speaks with the service as anyone outside would; without a key if there is none. */
export function clientOf(url: () => string, key?: () => string): Client {
  const request: Client['request'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url()}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === undefined ? {} : { Authorization: `Bearer ${key()}` }),
        ...(isRaw(body) ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: unknown = isJson(response.headers.get('content-type')) && text !== '' ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, body: parsed };
  };
  return clientWith(request);
}

/** Every way to ask, by one that takes the method too. */
export const clientWith = (request: Client['request']): Client => ({
  request,
  get: (path) => request('GET', path),
  post: (path, body, headers) => request('POST', path, body, headers),
  put: (path, body, headers) => request('PUT', path, body, headers),
  patch: (path, body, headers) => request('PATCH', path, body, headers),
  delete: (path) => request('DELETE', path),
});

const LOOK_MS = 50;

/** Looks until there is something else than undefined; past the deadline it fails and tells what was seen last. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  { deadlineMs = 60_000, seen }: { readonly deadlineMs?: number; readonly seen?: () => unknown } = {},
): Promise<T> {
  const until = Date.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > until)
      throw new Error(`it did not come to be: ${what}${seen === undefined ? '' : `; last seen: ${JSON.stringify(seen())}`}`);
    await pause(LOOK_MS);
  }
}

/** NDJSON: one value a line. */
export const ndjson = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');
export const NDJSON = { 'Content-Type': 'application/x-ndjson' } as const;
