import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Answer, Client } from './client.ts';

/** One operation of the served OpenAPI document. */
export type Described = { readonly id: string; readonly path: string; readonly method: string; readonly operation: any };

/** The document that the service serves, and what it says of an answer. */
export type ServedDocument = {
  readonly operations: readonly Described[];
  /** `#/components/…` → what stands there. */
  readonly resolve: (ref: string) => any;
  /** What the document does not say of this answer: status, content type or schema; undefined: it is as described. */
  readonly complaintOf: (described: Described, answer: Pick<Answer, 'status' | 'headers' | 'body'>) => unknown;
};

const escaped = (text: string): string => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));
const placeOf = (parts: readonly string[]): string => `document#/${parts.map(escaped).join('/')}`;
/** OpenAPI 3.1 has no word for a sequence of documents: the description of NDJSON names the schema of a line. */
const LINE = /[Ll]ine is an? (\w+)\.$/;

export async function readDocument({ get }: Pick<Client, 'get'>): Promise<ServedDocument> {
  const { body: document } = await get('/openapi.json');
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'document');
  const faultsOf = (place: string, value: unknown): unknown => {
    const check = ajv.compile({ $ref: place });
    return check(value) ? undefined : check.errors;
  };
  const resolve: ServedDocument['resolve'] = (ref) =>
    ref
      .slice(2)
      .split('/')
      .reduce((at, name) => at[name], document);

  const operations = Object.entries<any>(document.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(([method, operation]) => ({ id: String(operation.operationId), path, method, operation })),
  );

  function ofLines(text: string, line: string): unknown {
    const values = text.split('\n').filter((it) => it !== '');
    return values.map((it) => faultsOf(placeOf(['components', 'schemas', line]), JSON.parse(it))).find((it) => it !== undefined);
  }

  /** A problem of RFC 9457 that is ours: its members agree with the status line and with each other. */
  function ofProblem({ status, headers, body }: Answer): unknown {
    const faults = faultsOf(placeOf(['components', 'schemas', 'Problem']), body);
    if (faults !== undefined) return faults;
    if (body.status !== status) return `the problem says ${String(body.status)}`;
    if (body.type !== `urn:tidings:problem:${String(body.code)}`) return `the type is ${String(body.type)}`;
    return headers.get('x-request-id') === body.requestId ? undefined : 'the requestId is not that of the header';
  }

  const complaintOf: ServedDocument['complaintOf'] = ({ path, method, operation }, answer) => {
    const { status, headers, body } = answer;
    const type = (headers.get('content-type') ?? '').split(';')[0] ?? '';
    const response = operation.responses[String(status)];
    if (response === undefined) {
      if (status < 400 || type !== 'application/problem+json') return `${String(status)} is not described: ${JSON.stringify(body)}`;
      return ofProblem(answer);
    }
    if (response.content === undefined) return body === '' ? undefined : 'there is a body, and none is described';
    const content = response.content[type];
    if (content === undefined) return `${type} is not described`;
    if (type === 'application/x-ndjson') return ofLines(String(body), LINE.exec(content.schema.description)?.[1] ?? '');
    if (type !== 'application/json') return undefined;
    return faultsOf(placeOf(['paths', path, method, 'responses', String(status), 'content', type, 'schema']), body);
  };
  return { operations, resolve, complaintOf };
}
