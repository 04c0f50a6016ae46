import { EXAMPLES, type World } from '../support/exampleCalls.ts';
import { clientWith, type Body, type Client, type HeaderFields } from '../support/client.ts';

/** An operation as the OpenAPI document describes it. */
export type Described = {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly isPublic: boolean;
  readonly inPath: readonly string[];
  readonly inQuery: readonly string[];
  /** Of a JSON body, at its top. */
  readonly inBody: readonly string[];
};

/** All operations of a document, with all names of what goes into them. */
export function describedIn(document: any): readonly Described[] {
  const resolved = (it: any): any => {
    const [, , kind = '', name = ''] = typeof it?.$ref === 'string' ? (it.$ref as string).split('/') : [];
    return kind === '' ? it : document.components[kind][name];
  };
  return Object.entries<any>(document.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(([method, operation]): Described => {
      const parameters: readonly any[] = operation.parameters.map(resolved);
      const named = (where: string): readonly string[] => parameters.filter((it) => it.in === where).map(({ name }) => name as string);
      const body = resolved(operation.requestBody?.content?.['application/json']?.schema);
      return {
        id: operation.operationId,
        method,
        path,
        isPublic: operation.security?.length === 0,
        inPath: named('path'),
        inQuery: named('query'),
        inBody: Object.keys(body?.properties ?? {}),
      };
    }),
  );
}

type Call = { readonly method: string; readonly path: string; readonly body: Body; readonly headers: HeaderFields | undefined };
/** The example of an operation, as what would be sent. */
export async function exampleOf(id: string, world: World): Promise<Call> {
  let call: Call | undefined;
  const request: Client['request'] = (method, path, body, headers) => {
    call = { method, path, body, headers };
    return Promise.resolve({ status: 0, headers: new Headers(), body: undefined });
  };
  await EXAMPLES[id]?.call(clientWith(request), world);
  if (call === undefined) throw new Error(`${id} has no example`);
  return call;
}
export const sendAs = (client: Client, { method, path, body, headers }: Call) => client.request(method, path, body, headers);
