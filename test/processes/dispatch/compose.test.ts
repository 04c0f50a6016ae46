import { expect, test } from 'vitest';
import { dispatchEffect } from '../../../src/processes/dispatch/effects.ts';
import { openDispatch } from '../../support/dispatchBench.ts';

/** A worker whose rendering takes so many ms a message, and how often it let others have their turn before the first call. */
async function turnsWith(people: number, msEach: number): Promise<{ readonly turns: number; readonly sent: number }> {
  const bench = await openDispatch();
  await bench.request({ people });
  await bench.consume();
  const claim = await bench.claim('plan');
  if (claim === undefined) throw new Error('nothing was due');
  let turns = 0;
  const { renderer } = bench.ports;
  const effect = dispatchEffect({
    ...bench.ports,
    renderer: {
      render: (request) => {
        bench.house.clock.advance(msEach);
        return renderer.render(request);
      },
    },
    pause: () => {
      if (bench.provider.ledger.length === 0) turns += 1;
      return Promise.resolve();
    },
  });
  await effect(claim, new AbortController().signal);
  return { turns, sent: bench.provider.ledger.length };
}

test('rendering a large group lets others have their turn every now and then', async () => {
  expect(await turnsWith(30, 10)).toStrictEqual({ turns: 14, sent: 30 });
});

test('what is rendered in no time is rendered at once', async () => {
  expect(await turnsWith(30, 0)).toStrictEqual({ turns: 0, sent: 30 });
});
