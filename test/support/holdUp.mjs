import { existsSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

// Loaded into a program with --import: SIGUSR2 holds its main thread up, until the file that HOLD_UP names is there, or for as long as this.
const MOST_MS = 40_000;
const file = process.env.HOLD_UP;

if (isMainThread)
  process.on('SIGUSR2', () => {
    writeFileSync(`${file}.held`, '');
    const cell = new Int32Array(new SharedArrayBuffer(4));
    for (let ms = 0; ms < MOST_MS && !existsSync(file); ms += 20) Atomics.wait(cell, 0, 0, 20);
    writeFileSync(`${file}.freed`, '');
  });
