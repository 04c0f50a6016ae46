import type { Indexes, Subjects } from '../commands/ports.ts';
import { addressKeyText } from '../domain/values/addressKey.ts';
import type { SubjectId, TenantId } from '../domain/values/ids.ts';

/** Whom a filter names: a subject, or nobody that we know. Looks up, creates nothing. */
export async function subjectOf(
  people: Pick<Subjects, 'find'>,
  tenant: TenantId,
  recipientId: string,
): Promise<SubjectId | 'erased' | 'unknown'> {
  const [subject = 'unknown'] = await people.find(tenant, [{ recipientId: recipientId.normalize('NFC') }]);
  return subject;
}

export const isKnown = (subject: SubjectId | 'erased' | 'unknown'): subject is SubjectId => subject !== 'erased' && subject !== 'unknown';

/** What the outside calls a person. */
export type LabelOf = (subject: SubjectId) => string;

/** What the outside calls these people: one batch for all. */
export async function labelsOf(people: Pick<Subjects, 'labels'>, tenant: TenantId, subjects: readonly SubjectId[]): Promise<LabelOf> {
  const distinct = [...new Set(subjects)];
  const labels = await people.labels(tenant, distinct);
  const known = new Map(distinct.map((subject, place) => [subject, labels[place]]));
  return (subject) => known.get(subject) ?? `addr_${subject}`;
}

/** Keyed hash of an address as read models keep it. */
export async function addressHash(indexes: Indexes, tenant: TenantId, channel: 'email' | 'sms', address: string) {
  const [hash] = await indexes.hash(tenant, 'address', [addressKeyText(channel, address)]);
  return hash;
}
