/** What a check found; `todo` says what to do about it. Nothing secret and nothing personal. */
export type Finding = {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly todo?: string;
};

const withTodo = (todo: string | undefined): { readonly todo?: string } => (todo === undefined ? {} : { todo });

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail });
export const warn = (check: string, detail: string, todo?: string): Finding => ({ check, status: 'warn', detail, ...withTodo(todo) });
export const fail = (check: string, detail: string, todo?: string): Finding => ({ check, status: 'fail', detail, ...withTodo(todo) });
