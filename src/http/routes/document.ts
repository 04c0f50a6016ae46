import { Type } from 'typebox';
import { openApiOf } from '../openapi.ts';
import { operation, plain } from '../operation.ts';
import type { Operation, Reply } from '../operation.ts';
import { html } from '../html.ts';

export type DocumentPorts = {
  readonly version: string;
  readonly url: string;
  /** Redoc's standalone bundle, which the package brings along. */
  readonly redoc: () => Promise<string>;
};

/** Scripts and styles of our own origin only: Redoc makes its styles at run time and searches in a worker made of a blob. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; " +
  "worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = html`<!doctype html>
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>Tidings API</title>
      <style>
        body {
          margin: 0;
        }
      </style>
    </head>
    <body>
      <redoc spec-url="/openapi.json" disable-google-font></redoc>
      <script src="/docs/redoc.js"></script>
    </body>
  </html>`;

/** Redoc asks its maker's server for one picture; here it gets an empty one, so that the page calls nobody. */
const withoutCalls = (bundle: string): string => bundle.replaceAll(/https:\/\/cdn\.redoc\.ly\/[^"'`\s)]*/g, 'data:,');

/** The document of all operations, its own among them, and a page to read it. */
export function documentRoutes(others: readonly Operation[], ports: DocumentPorts): readonly Operation[] {
  let document: string | undefined;
  const own: readonly Operation[] = [
    operation({
      ...plain,
      id: 'openapi',
      method: 'get',
      path: '/openapi.json',
      tag: 'Service',
      summary: 'This document',
      scope: 'public',
      responses: { 200: { description: 'OpenAPI 3.1.', schema: Type.Record(Type.String(), Type.Unknown()) } },
      handler: () => {
        document ??= JSON.stringify(openApiOf([...others, ...own], ports));
        return Promise.resolve<Reply>({ status: 200, content: { type: 'application/json; charset=utf-8', bytes: document } });
      },
    }),
    page('docs', '/docs', 'The document as a page', async () => ({
      type: 'text/html; charset=utf-8',
      bytes: await Promise.resolve(PAGE.text),
    })),
    page('docsScript', '/docs/redoc.js', 'What draws that page', async () => ({
      type: 'text/javascript; charset=utf-8',
      bytes: withoutCalls(await ports.redoc()),
    })),
  ];
  return own;
}

function page(id: string, path: string, summary: string, content: () => Promise<{ type: string; bytes: string }>): Operation {
  return operation({
    ...plain,
    id,
    method: 'get',
    path,
    tag: 'Service',
    summary,
    scope: 'public',
    responses: {
      200: { description: summary, schema: Type.String(), contentType: path.endsWith('.js') ? 'text/javascript' : 'text/html' },
    },
    handler: async () => ({
      status: 200,
      content: await content(),
      headers: { 'Content-Security-Policy': CSP, 'Cache-Control': 'no-cache' },
    }),
  });
}
