import { expect, test } from 'vitest';
import { permits } from '../../../src/processes/dispatch/permits.ts';

test('so many may be on their way, first come, first served, and who has nothing to send waits for nobody', async () => {
  const window = permits(4);
  const gone: string[] = [];
  const go = (name: string, count: number): void => void window.acquire(count).then(() => gone.push(name));
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  go('three', 3);
  go('too many at once is all of them', 9);
  go('one', 1);
  go('none', 0);
  await turn();
  expect(gone).toStrictEqual(['three', 'none']);
  window.release(3);
  await turn();
  expect(gone).toStrictEqual(['three', 'none', 'too many at once is all of them']);
  window.release(9);
  await turn();
  expect(gone.at(-1)).toBe('one');
});
