import type { Log } from './log.ts';

/** What nobody caught leaves an unknown state behind. Node would print its text, which can quote what it was given; the log does not. */
export function endOnFault(log: Log): void {
  const end = (error: unknown): void => {
    log.error('something was not caught, so the process ends', { error });
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
