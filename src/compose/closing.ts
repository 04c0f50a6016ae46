import type { Log } from '../adapters/logging/log.ts';

/** What has been opened, closed in reverse: one that fails to close does not keep the others open. */
export type Closing = {
  readonly add: (what: string, close: () => unknown) => void;
  /** At most once. Answers the names of what did not close. */
  readonly all: () => Promise<readonly string[]>;
};

export function closing(onError: (what: string, error: unknown) => void): Closing {
  const open: { readonly what: string; readonly close: () => unknown }[] = [];
  return {
    add: (what, close) => {
      open.push({ what, close });
    },
    all: async () => {
      const failed: string[] = [];
      for (let last = open.pop(); last !== undefined; last = open.pop()) {
        try {
          await last.close();
        } catch (error) {
          failed.push(last.what);
          onError(last.what, error);
        }
      }
      return failed;
    },
  };
}

/** The log says what did not close. */
export const loggedClosing = (log: Log): Closing =>
  closing((what, error) => {
    log.error('something did not close', { name: what.replaceAll(' ', '_'), error });
  });
