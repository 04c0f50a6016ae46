/** Memory that messages on their way may take together: first come, first served; what is larger than all of it goes alone. */
export type ByteBudget = {
  /** Resolves with what gives it back, once. */
  readonly take: (bytes: number) => Promise<() => void>;
};

export function byteBudget(max: number): ByteBudget {
  let free = max;
  const queue: { readonly bytes: number; readonly go: () => void }[] = [];
  const pump = (): void => {
    for (let head = queue[0]; head !== undefined && head.bytes <= free; head = queue[0]) {
      free -= head.bytes;
      queue.shift();
      head.go();
    }
  };
  return {
    take: (wanted) =>
      new Promise((resolve) => {
        const bytes = Math.min(Math.max(wanted, 0), max);
        let taken = true;
        const giveBack = (): void => {
          if (!taken) return;
          taken = false;
          free += bytes;
          pump();
        };
        queue.push({ bytes, go: () => resolve(giveBack) });
        pump();
      }),
  };
}
