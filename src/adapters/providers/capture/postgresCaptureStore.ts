import type { Clock, Indexes, Vault } from '../../../commands/ports.ts';
import type { Sealed } from '../../../domain/kernel/personal.ts';
import { PortError } from '../../../domain/kernel/portError.ts';
import { addressKeyText } from '../../../domain/values/addressKey.ts';
import { CHANNELS } from '../../../domain/values/channel.ts';
import type { DeliveryId, NotificationId, TenantId } from '../../../domain/values/ids.ts';
import { periodOf, plusMs, type Instant } from '../../../domain/values/instant.ts';
import { pageOf } from '../../../domain/values/page.ts';
import { asTenant } from '../../postgres/asTenant.ts';
import type { Pool } from '../../postgres/pool.ts';
import { over } from '../../postgres/transaction.ts';
import type { Captured, CapturedMessage, CaptureEntry, CaptureStore } from './captureStore.ts';

const KEPT_MS = 24 * 3_600_000;

const INSERT = `
insert into captured (tenant, key, channel, notification_id, delivery_id, address_key, content, captured_at)
select tenant, key, channel, notification_id, delivery_id, address_key, content, captured_at
  from json_to_recordset($1) as it (tenant text, key text, channel text, notification_id text, delivery_id text, address_key text, content json, captured_at timestamptz)
on conflict (tenant, key) do nothing`;

const LIST = `
select id, notification_id, delivery_id, content, captured_at
  from captured
 where tenant = $1 and captured_at > $2
   and ($3::text is null or channel = $3)
   and ($4::text[] is null or address_key = any ($4))
   and ($5::text is null or notification_id = $5)
   and ($6::bigint is null or id < $6)
 order by id desc
 limit $7`;

type Row = {
  readonly id: string | number | bigint;
  readonly notification_id: NotificationId;
  readonly delivery_id: DeliveryId;
  readonly content: Sealed;
  readonly captured_at: Instant;
};

const toSeal = ({ tenant, subject, key, message, at }: CaptureEntry) => ({
  value: message,
  tenant,
  subject,
  class: 'content' as const,
  period: periodOf(at),
  aad: `captured/${tenant}/${key}`,
});

/** `api`: bound by row-level security; `worker`: keeps and purges. */
type Parts = { readonly api: Pool; readonly worker: Pool; readonly vault: Vault; readonly indexes: Indexes; readonly clock: Clock };

export function postgresCaptureStore({ api, worker, vault, indexes, clock }: Parts): CaptureStore {
  /** All at once; where that fails because somebody was erased meanwhile, each alone. */
  async function sealed(entries: readonly CaptureEntry[]): Promise<readonly (Sealed | 'erased')[]> {
    try {
      return await vault.seal(entries.map(toSeal));
    } catch (error) {
      if (!isErased(error)) throw error;
      if (entries.length === 1) return ['erased'];
      return (await Promise.all(entries.map((entry) => sealed([entry])))).flat();
    }
  }

  async function addressKeys(entries: readonly CaptureEntry[]): Promise<ReadonlyMap<CaptureEntry, string>> {
    const byTenant = new Map<TenantId, CaptureEntry[]>();
    for (const entry of entries) byTenant.set(entry.tenant, [...(byTenant.get(entry.tenant) ?? []), entry]);
    const hashed = await Promise.all(
      [...byTenant].map(async ([tenant, own]) => {
        const texts = own.map(({ message }) => addressKeyText(message.channel, message.to));
        const keys = await indexes.hash(tenant, 'address', texts);
        return own.map((entry, index): [CaptureEntry, string] => [entry, keys[index] ?? '']);
      }),
    );
    return new Map(hashed.flat());
  }

  return {
    put: async (entries) => {
      const [contents, keys] = await Promise.all([sealed(entries), addressKeys(entries)]);
      const rows = entries.map((entry, index) => ({
        tenant: entry.tenant,
        key: entry.key,
        channel: entry.message.channel,
        notification_id: entry.notificationId,
        delivery_id: entry.deliveryId,
        address_key: keys.get(entry),
        content: contents[index],
        captured_at: entry.at,
      }));
      const kept = rows.filter(({ content }) => content !== 'erased');
      if (kept.length > 0) await over(worker).query({ name: 'capture', text: INSERT, values: [JSON.stringify(kept)] });
      return contents.map((content) => (content === 'erased' ? 'erased' : 'kept'));
    },

    list: async (tenant, { channel, to, notificationId }, { limit, place }) => {
      const texts = to === undefined ? [] : CHANNELS.map((each) => addressKeyText(each, to));
      const keys = to === undefined ? null : await indexes.hash(tenant, 'address', texts);
      const since = plusMs(clock.now(), -KEPT_MS);
      const values = [tenant, since, channel ?? null, keys, notificationId ?? null, place ?? null, limit + 1];
      const rows = await asTenant(api, tenant, (tx) => tx.query<Row>({ name: 'list captured', text: LIST, values }));
      const page = pageOf(rows, limit, ({ id }) => String(id));
      const opened = await vault.open<CapturedMessage>(page.rows.map(({ content }) => content));
      const shown = page.rows.flatMap((row, index): Captured[] => {
        const it = opened[index];
        if (it === undefined || it === 'erased') return [];
        return [
          {
            ...it.value,
            id: String(row.id),
            notificationId: row.notification_id,
            deliveryId: row.delivery_id,
            capturedAt: row.captured_at,
          },
        ];
      });
      return { rows: shown, next: page.next };
    },

    clear: async (tenant) => {
      const text = 'with gone as (delete from captured where tenant = $1 returning 1) select count(*)::int as count from gone';
      const [row] = await asTenant(api, tenant, (tx) => tx.query<{ count: number }>({ text, values: [tenant] }));
      return row?.count ?? 0;
    },

    purge: async () => {
      const text = 'with gone as (delete from captured where captured_at <= $1 returning 1) select count(*)::int as count from gone';
      const [row] = await over(worker).query<{ count: number }>({ text, values: [plusMs(clock.now(), -KEPT_MS)] });
      return row?.count ?? 0;
    },
  };
}

const isErased = (error: unknown): boolean => error instanceof PortError && error.code === 'subject_erased';
