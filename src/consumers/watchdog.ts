import { codeOf } from './failure.ts';
import { isBefore, type Checkpoint } from './position.ts';
import type { EventFeed, Time } from './ports.ts';
import type { TailReader } from './tailReader.ts';

export type WatchdogOptions = {
  readonly feed: EventFeed;
  readonly time: Time;
  readonly tail: TailReader;
  /** Milliseconds between two looks; a subscription that has not moved from one to the next although there was more has stalled. */
  readonly everyMs: number;
  readonly onStall?: () => void;
  readonly onError?: (code: string) => void;
};

/** Restarts a subscription that has died without a word (a half-open connection), or whose log has gone back. Returns what ends it. */
export function watchdog({ feed, time, tail, everyMs, onStall, onError }: WatchdogOptions): () => void {
  let suspect: Checkpoint | undefined;
  let cancel: () => void = () => undefined;
  let isOver = false;

  const restart = (): void => {
    suspect = undefined;
    onStall?.();
    tail.restart();
  };

  const look = async (): Promise<void> => {
    const at = tail.at();
    const head = await feed.head();
    if (at === undefined || tail.at() !== at || tail.heldUp()) suspect = undefined;
    else if (isBefore(head, at)) restart();
    else if (!isBefore(at, head) || !(await tail.look()) || tail.at() !== at) suspect = undefined;
    else if (suspect === at) restart();
    else suspect = at;
  };
  const again = (): void => {
    if (isOver) return;
    cancel = time.after(
      everyMs,
      () =>
        void look()
          .catch((error: unknown) => onError?.(codeOf(error)))
          .finally(again),
    );
  };
  again();
  return () => {
    isOver = true;
    cancel();
  };
}
