import { expect, test } from 'vitest';
import type { OpenStore } from '../eventStore.ts';
import { aStream, someEvents } from './samples.ts';

/** Of a store that is nobody else's: a server's own events would come before all others. */
export function beginning(open: () => Promise<OpenStore>): void {
  test('an empty store has its head at the start and is caught up', async () => {
    const { store: empty, close } = await open();
    try {
      expect(await empty.head()).toBe('start');
      const page = await empty.readAll('start', {}, 10);
      expect(page).toStrictEqual({ events: [], upTo: page.upTo, caughtUp: true });
      expect(await empty.readAll(page.upTo, {}, 10)).toStrictEqual(page);
      const { position } = await empty.append(aStream(), 'absent', someEvents(1));
      expect(position > page.upTo).toBe(true);
      expect(await empty.head()).toBe(position);
      expect((await empty.readAll('start', {}, 10)).events).toHaveLength(1);
    } finally {
      await close();
    }
  });
}
