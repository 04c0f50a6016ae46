import { Type } from 'typebox';
import type { Subjects } from '../../commands/ports.ts';
import type { RefusedPeople } from '../../domain/audit/events.ts';
import { present } from '../../domain/kernel/present.ts';
import type { SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { PageRequest } from '../../domain/values/page.ts';
import { auditPage } from '../../projections/audit/queries.ts';
import type { AuditFilter, AuditView } from '../../projections/audit/queries.ts';
import { csvRecord } from '../csv.ts';
import { instantIn } from '../notificationBody.ts';
import { operation, plain } from '../operation.ts';
import type { Operation } from '../operation.ts';
import { isKnown, labelsOf, subjectOf } from '../people.ts';
import type { LabelOf } from '../people.ts';
import type { Reads } from '../ports.ts';
import { answer, closed, InstantOut, listOf, oneOf, OutsideId, page, PositionOut, RecipientId, span } from '../schemas/values.ts';

export type AuditRoutePorts = { readonly reads: Reads; readonly people: Pick<Subjects, 'find' | 'labels'> };

const Entry = answer('AuditEntry', {
  at: InstantOut,
  kind: oneOf(['access', 'rejection', 'administration']),
  action: Type.String({ description: 'The operation, by its `operationId`: `publishTemplate`.' }),
  actor: closed({ kind: oneOf(['user', 'key', 'recipient', 'system']), id: Type.String(), onBehalfOf: Type.Optional(Type.String()) }),
  resource: Type.String({ description: '`<noun>/<id>` as in the path: `templates/welcome`; of people the noun alone.' }),
  recipientId: Type.Optional(Type.String()),
  code: Type.Optional(Type.String({ description: 'Of a refused command.' })),
  refused: Type.Optional(
    closed({
      type: Type.String({ description: 'Of the message.' }),
      recipients: Type.Array(closed({ index: Type.Integer(), recipientId: Type.String(), code: Type.String(), detail: Type.String() }), {
        description: 'Everyone was refused: those whose names could be read.',
      }),
    }),
  ),
  requestId: Type.String(),
  position: PositionOut,
});
const AuditPage = page('AuditPage', Entry);
const AuditQuery = listOf({
  actor: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  action: Type.Optional(OutsideId),
  resource: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
  recipientId: Type.Optional(RecipientId),
  ...span,
});
const COLUMNS = ['at', 'kind', 'action', 'actorKind', 'actorId', 'resource', 'recipientId', 'code', 'requestId', 'position'] as const;
/** How many entries an export reads at once. */
const EXPORT_PAGE = 500;

type Shown = Omit<AuditView, 'subject' | 'refused'> & { readonly recipientId?: string; readonly refused?: object };
type Filters = Omit<AuditFilter, 'subject' | 'since' | 'until'> & {
  readonly recipientId?: string;
  readonly since?: string;
  readonly until?: string;
};

async function shown(people: Pick<Subjects, 'labels'>, tenant: TenantId, rows: readonly AuditView[]): Promise<readonly Shown[]> {
  const named = rows.flatMap(({ subject, refused }): readonly SubjectId[] => [
    ...(subject === undefined ? [] : [subject]),
    ...(refused?.people ?? []).map((it) => it.subject),
  ]);
  const labelOf = await labelsOf(people, tenant, named);
  return rows.map(({ subject, refused, ...entry }) => ({
    ...entry,
    ...(subject !== undefined && { recipientId: labelOf(subject) }),
    ...(refused !== undefined && { refused: refusedView(refused, labelOf) }),
  }));
}

const refusedView = ({ type, people }: RefusedPeople, labelOf: LabelOf): object => ({
  type,
  recipients: people.map(({ index, subject, code, detail }) => ({ index, recipientId: labelOf(subject), code, detail })),
});

const recordOf = ({ at, kind, action, actor, resource, recipientId = '', code = '', requestId, position }: Shown): string =>
  csvRecord([at, kind, action, actor.kind, actor.id, resource, recipientId, code, requestId, position]);

async function* csvOf(entries: AsyncIterable<Shown>): AsyncGenerator<string> {
  yield csvRecord(COLUMNS);
  for await (const entry of entries) yield recordOf(entry);
}

/** Who saw personal data, changed what the service does, or was refused. */
export const auditRoutes = ({ reads: read, people }: AuditRoutePorts): readonly Operation[] => {
  const pageOf = async (tenant: TenantId, filter: AuditFilter, at: PageRequest) => {
    const { rows, next } = await read.read(tenant, 'audit', (tx, suffix) => auditPage(tx, suffix, { tenant, ...filter }, at));
    return { data: await shown(people, tenant, rows), next };
  };

  async function* everything(tenant: TenantId, filter: AuditFilter | 'nobody'): AsyncGenerator<Shown> {
    if (filter === 'nobody') return;
    let place: string | null | undefined;
    do {
      const { data, next } = await pageOf(tenant, filter, { limit: EXPORT_PAGE, ...present({ place: place ?? undefined }) });
      yield* data;
      place = next;
    } while (place !== null);
  }

  async function filterIn(tenant: TenantId, { recipientId, since, until, ...same }: Filters): Promise<AuditFilter | 'nobody'> {
    const subject = recipientId === undefined ? undefined : await subjectOf(people, tenant, recipientId);
    if (subject !== undefined && !isKnown(subject)) return 'nobody';
    return {
      ...same,
      ...present({
        subject,
        since: since === undefined ? undefined : instantIn(since),
        until: until === undefined ? undefined : instantIn(until),
      }),
    };
  }

  return [
    operation({
      ...plain,
      id: 'listAudit',
      method: 'get',
      path: '/v1/compliance/audit',
      tag: 'Compliance',
      summary: 'Who saw personal data, changed what the service does, or was refused; newest first',
      description: 'As JSON a page at a time; as NDJSON or CSV (`Accept`) everything that fits the filters, streamed.',
      scope: 'compliance',
      reads: ['audit'],
      query: AuditQuery,
      responses: { 200: { description: 'Entries of the audit.', schema: AuditPage, lines: Entry, csv: true } },
      handler: async ({ access: { tenant }, query: { limit, cursor: _cursor, ...filters }, place, prefers }) => {
        const filter = await filterIn(tenant, filters);
        const type = prefers('application/json', 'application/x-ndjson', 'text/csv');
        if (type === 'application/x-ndjson') return { status: 200, lines: everything(tenant, filter) };
        if (type === 'text/csv') return { status: 200, pieces: { type: 'text/csv; charset=utf-8', of: csvOf(everything(tenant, filter)) } };
        if (filter === 'nobody') return { status: 200, page: { data: [], next: null } };
        return { status: 200, page: await pageOf(tenant, filter, { limit, ...present({ place }) }), shown: { resource: 'audit' } };
      },
    }),
  ];
};
