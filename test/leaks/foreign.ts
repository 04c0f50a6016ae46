import { EXAMPLES, type World } from '../support/exampleCalls.ts';
import { clientWith, type Body, type Client, type HeaderFields } from '../support/client.ts';
import type { Described, ServedDocument } from '../support/servedDocument.ts';

/** What goes into an operation, by name. */
export type Inputs = Pick<Described, 'id' | 'method'> & {
  readonly isPublic: boolean;
  readonly inPath: readonly string[];
  readonly inQuery: readonly string[];
  /** Of a JSON body, at its top. */
  readonly inBody: readonly string[];
};

export function inputsOf({ operations, resolve }: ServedDocument): readonly Inputs[] {
  const resolved = (it: any): any => (typeof it?.$ref === 'string' ? resolve(it.$ref) : it);
  return operations.map(({ id, method, operation }) => {
    const parameters: readonly any[] = operation.parameters.map(resolved);
    const named = (where: string): readonly string[] => parameters.filter((it) => it.in === where).map(({ name }) => name as string);
    const body = resolved(operation.requestBody?.content?.['application/json']?.schema);
    return {
      id,
      method,
      isPublic: operation.security?.length === 0,
      inPath: named('path'),
      inQuery: named('query'),
      inBody: Object.keys(body?.properties ?? {}),
    };
  });
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
