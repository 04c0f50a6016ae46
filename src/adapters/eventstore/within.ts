/** Rejects with `Error('deadline')` after so many milliseconds, whatever becomes of the work. */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(Object.assign(new Error('deadline'), { code: 'deadline' })), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
