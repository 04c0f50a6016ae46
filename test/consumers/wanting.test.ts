import { expect, test } from 'vitest';
import { wanting } from '../../src/consumers/wanting.ts';
import { manualClock } from '../support/manualClock.ts';
import { positionAt } from '../support/memoryFeed.ts';

test('a position is wanted while somebody asks for it; one that never comes is forgotten, however many ask for nearer ones meanwhile', () => {
  const clock = manualClock();
  const wants = wanting(clock);
  expect(wants.position).toBe('start');
  wants.want(positionAt(999));
  clock.advance(1_500);
  wants.want(positionAt(999));
  clock.advance(1_500);
  wants.want(positionAt(5));
  expect(wants.position).toBe(positionAt(999));
  clock.advance(500);
  expect(wants.position).toBe('start');
  wants.want(positionAt(5));
  wants.want(positionAt(4));
  expect(wants.position).toBe(positionAt(5));
  wants.met();
  expect(wants.position).toBe('start');
});
