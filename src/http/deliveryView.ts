import type { Subjects } from '../commands/ports.ts';
import { channelOf, deliveryIdOf } from '../domain/notification/delivery.ts';
import type { TenantId } from '../domain/values/ids.ts';
import type { DeliveryRow } from '../projections/notifications/queries.ts';
import { labelsOf, type LabelOf } from './people.ts';
import { OUTCOME_OF, STATUSES } from './schemas/delivery.ts';
import type { DeliveryStatus, Outcome } from './schemas/delivery.ts';

const isStatus = (text: string): text is DeliveryStatus => STATUSES.some((status) => status === text);
export const statusesOf = (outcome: Outcome): readonly DeliveryStatus[] => STATUSES.filter((status) => OUTCOME_OF[status] === outcome);

export function statusOfRow(row: Pick<DeliveryRow, 'status'>): { readonly status: DeliveryStatus; readonly outcome: Outcome } {
  if (!isStatus(row.status)) throw new TypeError(`a read model holds the unknown status ${row.status}`);
  return { status: row.status, outcome: OUTCOME_OF[row.status] };
}

/** A first try that was taken leaves no list: the row's own columns tell it. */
function attemptsOf({ attempts, provider, sentAt, tries }: DeliveryRow): readonly object[] {
  if (attempts !== null) return attempts;
  return tries > 0 && provider !== null && sentAt !== null ? [{ attempt: 1, provider, at: sentAt, outcome: 'sent' }] : [];
}

/** In which words it was said; null where the request brought them along and nothing tells the language. */
function templateOf({ template, templateVersion, locale }: DeliveryRow): object | null {
  if (template === null && locale === null) return null;
  return {
    ...(template !== null && { key: template }),
    ...(templateVersion !== null && { version: templateVersion }),
    ...(locale !== null && { locale }),
  };
}

function deliveryView(row: DeliveryRow, labelOf: LabelOf): object {
  const { notification, n, subject } = row;
  return {
    id: deliveryIdOf(notification, n),
    notificationId: notification,
    recipientId: labelOf(subject),
    type: row.type,
    channel: channelOf(n),
    ...statusOfRow(row),
    code: row.code,
    provider: row.provider,
    providerMessageId: row.messageId,
    attempts: attemptsOf(row),
    createdAt: row.requestedAt,
    plannedAt: row.plannedAt,
    sentAt: row.sentAt,
    dueAt: row.dueAt,
    feedback: row.feedback ?? {},
    template: templateOf(row),
    batchId: row.batch,
  };
}

/** In order; all labels come in one batch. */
export async function deliveryViews(
  people: Pick<Subjects, 'labels'>,
  tenant: TenantId,
  rows: readonly DeliveryRow[],
): Promise<readonly object[]> {
  const labelOf = await labelsOf(
    people,
    tenant,
    rows.map(({ subject }) => subject),
  );
  return rows.map((row) => deliveryView(row, labelOf));
}
