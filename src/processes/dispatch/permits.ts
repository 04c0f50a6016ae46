/**
 * How many messages of a provider may be on their way and not yet recorded, over all claims of this process: at most so many can be
 * doubled by one crash (docs/architecture.md). First come, first served.
 */
export type Permits = { acquire(count: number): Promise<void>; release(count: number): void };

export function permits(window: number): Permits {
  let free = window;
  const queue: { readonly count: number; readonly go: () => void }[] = [];
  const pump = (): void => {
    for (let head = queue[0]; head !== undefined && head.count <= free; head = queue[0]) {
      free -= head.count;
      queue.shift();
      head.go();
    }
  };
  return {
    acquire: (count) =>
      new Promise<void>((go) => {
        // Nothing to send waits for nobody.
        if (count < 1) {
          go();
          return;
        }
        queue.push({ count: Math.min(count, window), go });
        pump();
      }),
    release: (count) => {
      free += Math.min(count, window);
      pump();
    },
  };
}
