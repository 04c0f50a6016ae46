import { isDeepStrictEqual } from 'node:util';

/** @throws where the code is not what the model is. */
export function same(what: string, code: unknown, model: unknown): void {
  if (!isDeepStrictEqual(code, model)) throw new Error(`${what}: the code has ${JSON.stringify(code)}, the model ${JSON.stringify(model)}`);
}
