/** A refusal: a value, never thrown. `code` is snake_case and stable; `detail` says what to do next and holds nothing personal. */
export type Rejection<Code extends string = string> = {
  readonly rejected: Code;
  readonly detail: string;
  /** JSON Pointer (RFC 6901) of the member that is wrong, where there is one. */
  readonly path?: string;
};

export const reject = <Code extends string>(rejected: Code, detail: string, path?: string): Rejection<Code> =>
  path === undefined ? { rejected, detail } : { rejected, detail, path };

export const isRejection = <Code extends string>(it: unknown): it is Rejection<Code> =>
  typeof it === 'object' && it !== null && 'rejected' in it;
