import type { DataClass } from '../../domain/kernel/personal.ts';
import { blobKey } from './derive.ts';
import type { LiveKey } from './keyStore.ts';

/** Kept with one subject's key: a person's data of one month is of four classes. */
const MOST = 8;

/** The key of a blob. What is sealed is mostly opened within seconds, so a derived key stays with the subject's as long as that is kept. */
export function blobKeyOf(subject: LiveKey | undefined, { key: period }: LiveKey, dataClass: DataClass): Buffer {
  if (subject === undefined) return blobKey(undefined, period, dataClass);
  const { derived = [] } = subject;
  const known = derived.find((it) => it.class === dataClass && it.period.equals(period));
  if (known !== undefined) return known.key;
  const key = blobKey(subject.key, period, dataClass);
  subject.derived = [...derived.slice(-MOST + 1), { class: dataClass, period, key }];
  return key;
}
