import { PortError } from '../domain/kernel/portError.ts';

/** Our own code, or the name of what was thrown (`TypeError`); never its text, which can quote personal data. */
export const codeOf = (error: unknown): string =>
  error instanceof PortError ? error.code : error instanceof Error ? error.name : 'not_an_error';

/** The same may work later: nothing about the events is wrong. */
export const isPassing = (error: unknown): boolean => error instanceof PortError && error.retryable;
