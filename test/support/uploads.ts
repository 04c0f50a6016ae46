import { Type, type TSchema } from 'typebox';
import type { Line } from '../../src/http/lines.ts';
import { plain, uploadOperation, type Operation } from '../../src/http/operation.ts';

/** An operation that takes lines and answers something to each, while they come. */
export const echoOf = (line: TSchema, again: (line: Line) => object): Operation =>
  uploadOperation({
    ...plain,
    id: 'echo',
    method: 'post',
    path: '/v1/echo',
    tag: 'Service',
    summary: 'Echo',
    scope: 'send',
    upload: { kind: 'lines', line },
    responses: { 200: { description: 'Each line again.' } },
    handler: async ({ body }) => {
      if (body.kind !== 'lines') return { status: 200 };
      const { lines } = body;
      async function* each() {
        for await (const group of lines) for (const one of group) yield again(one);
      }
      return { status: 200, lines: each() };
    },
  });

/** An operation that takes a file and answers how many bytes it has. */
export const sizeOf = (id: string, path: string, maxBytes: number): Operation =>
  uploadOperation({
    ...plain,
    id,
    method: 'post',
    path,
    tag: 'Service',
    summary: 'Keep',
    scope: 'send',
    upload: { kind: 'bytes', maxBytes },
    responses: { 200: { description: 'How many.', schema: Type.Object({ size: Type.Integer() }) } },
    handler: async ({ body }) => ({ status: 200, body: { size: body.kind === 'bytes' ? body.bytes.length : -1 } }),
  });
