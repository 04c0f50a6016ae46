import { expect, test } from 'vitest';
import { startThread } from '../../../src/adapters/threads/thread.ts';

const echo = new URL('./echo.ts', import.meta.url);
const started = (errors: unknown[] = []) => startThread<string, string>(echo, 'begun', (error) => errors.push(error));

test('a thread is given something to begin with, hears and answers, and ends when it leaves', async () => {
  const thread = started();
  const heard: string[] = [];
  thread.onMessage((message) => {
    heard.push(message);
    if (message === 'begun') thread.tell('one');
    if (message === 'one!') thread.tell('leave');
  });
  await thread.ended;
  expect(heard).toStrictEqual(['begun', 'one!']);
});

test('what a thread does not catch is told, and it has ended', async () => {
  const errors: unknown[] = [];
  const thread = started(errors);
  thread.tell('fail');
  await thread.ended;
  expect(errors.map(String)).toStrictEqual(['Error: told to']);
});
