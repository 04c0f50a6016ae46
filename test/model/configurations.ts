import type { Break } from './protocol.ts';
import type { Config, Invariant } from './world.ts';

const ann = { notification: 0, subject: 'ann', address: '+1' };
const bob = { notification: 0, subject: 'bob', address: '+2' };
const bobAtAnns = { ...bob, address: '+1' };
const annAgain = { ...ann, notification: 1 };
const keyed = { ...ann, key: 'k' };
const keyedAgain = { ...annAgain, key: 'k' };
const withdrawal = { subject: 'ann' };
const stop = { subject: 'ann', address: '+1' };

/** Each is visited completely by `npm test`. */
export const SMALL: readonly Config[] = [
  { name: 'withdrawal, cancellation', deliveries: [ann], subBatch: 1, optOut: withdrawal, cancel: true, may: { refusal: 1 } },
  {
    name: 'crash, keys, sub-batch of 2',
    deliveries: [ann, bob],
    subBatch: 2,
    keys: true,
    optOut: withdrawal,
    cancel: true,
    may: { crash: 1 },
  },
  {
    name: 'crash, hold, shared address',
    deliveries: [ann, bobAtAnns],
    subBatch: 2,
    hold: true,
    optOut: stop,
    may: { crash: 1, refusal: 1 },
  },
  { name: 'refused for good, address', deliveries: [ann], subBatch: 1, optOut: stop, cancel: true, may: { refusal: 1, final: 1 } },
  {
    name: 'answer lost, hold, refused for good',
    deliveries: [ann, bob],
    subBatch: 2,
    hold: true,
    cancel: true,
    may: { loss: 1, final: 1 },
  },
  { name: 'crash, answer lost, keys', deliveries: [ann], subBatch: 1, keys: true, cancel: true, may: { crash: 1, loss: 1 } },
  { name: 'freeze, retry', deliveries: [ann], subBatch: 1, optOut: stop, may: { freeze: 1 } },
  { name: 'freeze, keys, back-off', deliveries: [ann], subBatch: 1, keys: true, backOff: true, may: { freeze: 1, refusal: 1 } },
  { name: 'crash, refusal, back-off', deliveries: [ann], subBatch: 1, backOff: true, cancel: true, may: { crash: 1, refusal: 1 } },
  { name: 'two people, refusal, back-off', deliveries: [ann, bob], subBatch: 1, backOff: true, may: { refusal: 1 } },
  { name: 'tries run out', deliveries: [ann], subBatch: 1, maxTries: 2, maxStarts: 3, may: { refusal: 2, loss: 1 } },
  { name: 'rescheduled, crash', deliveries: [ann], subBatch: 1, reschedule: true, cancel: true, may: { crash: 1 } },
  { name: 'rescheduled, two people', deliveries: [ann, bob], subBatch: 1, reschedule: true },
  { name: 'redriven, refused for good, keys', deliveries: [ann], subBatch: 1, keys: true, may: { final: 1, loss: 1, redrive: 1 } },
  { name: 'redriven, answer lost, hold', deliveries: [ann], subBatch: 1, hold: true, optOut: withdrawal, may: { loss: 1, redrive: 1 } },
  {
    name: 'redriven, freeze, hold, keys',
    deliveries: [ann],
    subBatch: 1,
    hold: true,
    keys: true,
    cancel: true,
    may: { freeze: 1, redrive: 1, final: 1 },
  },
  { name: 'one key, cancelled', deliveries: [keyed, keyedAgain], subBatch: 2, cancel: true },
  { name: 'one key, refused for good', deliveries: [keyed, keyedAgain], subBatch: 2, may: { final: 1 } },
  { name: 'one key, answer lost, hold', deliveries: [keyed, keyedAgain], subBatch: 2, hold: true, may: { loss: 1 } },
  { name: 'one key, refused for good, redriven', deliveries: [keyed, keyedAgain], subBatch: 1, may: { final: 1, redrive: 1 } },
  { name: 'batch paused and resumed', deliveries: [ann], subBatch: 1, batch: 'resumed', may: { tick: 1 } },
  { name: 'batch paused, two people', deliveries: [ann, bob], subBatch: 1, batch: 'cancelled' },
  { name: 'batch cancelled, redriven', deliveries: [ann], subBatch: 1, batch: 'cancelled', may: { final: 1, redrive: 1, tick: 1 } },
  { name: 'batch paused and cancelled, crash', deliveries: [ann], subBatch: 1, batch: 'cancelled', may: { crash: 1, tick: 1 } },
];

/** Besides, by `npm run chaos -- model`. */
export const WIDE: readonly Config[] = [
  {
    name: 'two people, withdrawal, cancellation',
    deliveries: [ann, bob],
    subBatch: 1,
    optOut: withdrawal,
    cancel: true,
    may: { refusal: 1 },
  },
  { name: 'two people, crash, retry', deliveries: [ann, bob], subBatch: 1, optOut: withdrawal, may: { crash: 1 } },
  { name: 'freeze, retry, shared address', deliveries: [ann, bobAtAnns], subBatch: 1, optOut: stop, may: { freeze: 1 } },
  { name: 'freeze, hold, sub-batch of 2', deliveries: [ann, bob], subBatch: 2, hold: true, cancel: true, may: { freeze: 1, refusal: 1 } },
  {
    name: 'freeze, keys, opt-out',
    deliveries: [ann],
    subBatch: 1,
    keys: true,
    optOut: withdrawal,
    cancel: true,
    may: { freeze: 1, refusal: 1 },
  },
  { name: 'crash and freeze, keys', deliveries: [ann], subBatch: 1, keys: true, cancel: true, may: { crash: 1, freeze: 1 } },
  { name: 'two notifications, crash', deliveries: [ann, annAgain], subBatch: 2, cancel: true, may: { crash: 1 } },
  { name: 'two notifications, freeze', deliveries: [ann, annAgain], subBatch: 2, hold: true, cancel: true, may: { freeze: 1 } },
  {
    name: 'rescheduled, freeze, refusal, back-off',
    deliveries: [ann],
    subBatch: 1,
    reschedule: true,
    backOff: true,
    may: { freeze: 1, refusal: 1 },
  },
  { name: 'redriven twice, loss, crash', deliveries: [ann], subBatch: 1, hold: true, may: { loss: 1, crash: 1, redrive: 2 } },
  { name: 'one key, crash, cancelled', deliveries: [keyed, keyedAgain], subBatch: 2, cancel: true, may: { crash: 1 } },
  {
    name: 'one key, crash, refused for good, redriven',
    deliveries: [keyed, keyedAgain],
    subBatch: 2,
    keys: true,
    may: { crash: 1, final: 1, redrive: 1 },
  },
  { name: 'batch paused and resumed, two people', deliveries: [ann, bob], subBatch: 1, batch: 'resumed', may: { tick: 1 } },
  { name: 'batch paused and resumed, crash', deliveries: [ann], subBatch: 1, batch: 'resumed', may: { crash: 1, tick: 1 } },
  {
    name: 'batch paused and resumed, cancelled in flight',
    deliveries: [ann],
    subBatch: 1,
    batch: 'resumed',
    cancel: true,
    may: { crash: 1 },
  },
  { name: 'batch paused and cancelled, freeze', deliveries: [ann], subBatch: 1, batch: 'cancelled', may: { freeze: 1, tick: 2 } },
];

/** Where each wrong protocol shows, and what it breaks there. */
export const SHOWS: Readonly<Record<Break, readonly [configuration: string, invariant: Invariant]>> = {
  'facts-before-declare': ['withdrawal, cancellation', 'I1'],
  'no-hand-off-started': ['crash, hold, shared address', 'I2'],
  'recover-at-once': ['withdrawal, cancellation', 'I2'],
  'ack-without-claims': ['withdrawal, cancellation', 'I1'],
  'settle-whole-notification': ['rescheduled, two people', 'I6'],
  'ask-for-started': ['withdrawal, cancellation', 'I6'],
  'no-late-acceptance': ['freeze, retry', 'I5'],
  'opt-out-by-subject-only': ['crash, hold, shared address', 'I1'],
  'no-check-before-call': ['freeze, retry', 'I1'],
  'recover-without-gates': ['crash, keys, sub-batch of 2', 'I1'],
  'recover-drops-cancelled': ['crash, keys, sub-batch of 2', 'I3'],
  'cancel-settles-recover': ['withdrawal, cancellation', 'I6'],
  'unchanged-on-conflict': ['rescheduled, two people', 'I6'],
  'late-refusal-counts': ['freeze, retry', 'I2'],
  'record-settles-recover-only': ['freeze, keys, back-off', 'I6'],
  'planned-settles-plan-only': ['withdrawal, cancellation', 'I6'],
  'new-key-after-open-outcome': ['crash, answer lost, keys', 'I2'],
  'forget-open-outcome': ['crash, refusal, back-off', 'I4'],
  'due-not-checked': ['two people, refusal, back-off', 'I9'],
  'deferral-asks-hand-off': ['batch paused and resumed', 'I6'],
  'reschedule-moves-open': ['rescheduled, crash', 'I4'],
  'reschedule-settles-nothing': ['rescheduled, two people', 'I6'],
  'redrive-asks-nothing': ['redriven, answer lost, hold', 'I6'],
  'redrive-new-key': ['redriven, freeze, hold, keys', 'I2'],
  'redrive-forgets-doubt': ['redriven, answer lost, hold', 'I4'],
  'no-reservation': ['one key, cancelled', 'I7'],
  'reserve-after-start': ['one key, cancelled', 'I7'],
  'never-taken-over': ['one key, cancelled', 'I8'],
  'taken-over-unseen': ['one key, refused for good, redriven', 'I7'],
  'unknown-gives-way': ['one key, answer lost, hold', 'I7'],
  'batch-remembered': ['batch paused and resumed', 'I9'],
  'pause-not-watched': ['batch paused, two people', 'I9'],
  'pause-without-recheck': ['batch paused and resumed', 'I3'],
  'recover-defers-unwanted': ['batch paused and resumed, cancelled in flight', 'I4'],
  'rest-kept': ['two people, crash, retry', 'I3'],
  'cancelled-batch-waits': ['batch cancelled, redriven', 'I3'],
};
