import type { Transaction } from '../../consumers/ports.ts';
import type { Sealed } from '../../domain/kernel/personal.ts';
import type { OwnChannel, Platform } from '../../domain/recipient/events.ts';
import type { KeyedHash, SubjectId, TenantId } from '../../domain/values/ids.ts';
import type { Instant } from '../../domain/values/instant.ts';
import { conditions } from '../conditions.ts';
import { pageOf, type Page, type PageRequest } from '../../domain/values/page.ts';

export type RecipientView = {
  readonly subject: SubjectId;
  /** The ETag. */
  readonly version: number;
  /** Opens to a `Profile`. */
  readonly profile: Sealed;
  readonly registeredAt: Instant;
  readonly changedAt: Instant;
};
export type AddressView = {
  readonly channel: OwnChannel;
  readonly platform: Platform | null;
  /** Opens to an `OwnAddress`. */
  readonly address: Sealed;
  readonly addedAt: Instant;
};
export type ProfileFacts = {
  readonly version: number;
  readonly profile: Sealed;
  /** The newest of each channel; opens to an `OwnAddress`. */
  readonly endpoints: Partial<Readonly<Record<OwnChannel, Sealed>>>;
};

/** What planning reads of people: one statement for all; who is not registered is left out. */
export async function profilesOf(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  subjects: readonly SubjectId[],
): Promise<ReadonlyMap<SubjectId, ProfileFacts>> {
  const rows = await tx.query<{
    readonly subject: SubjectId;
    readonly version: number;
    readonly profile: Sealed;
    readonly endpoints: ProfileFacts['endpoints'] | null;
  }>({
    name: `profiles_of${suffix}`,
    text: `select r.subject, r.version, r.profile, (
        select json_object_agg(newest.channel, newest.address) from (
          select distinct on (a.channel) a.channel, a.address from recipient_addresses${suffix} a
          where a.tenant = r.tenant and a.subject = r.subject and a.address is not null
          order by a.channel, a.position desc) newest) as endpoints
      from recipients${suffix} r where r.tenant = $1 and r.subject = any ($2::text[])`,
    values: [tenant, subjects],
  });
  return new Map(rows.map(({ subject, version, profile, endpoints }) => [subject, { version, profile, endpoints: endpoints ?? {} }]));
}

const VIEW = `subject, version, profile, registered_at as "registeredAt", changed_at as "changedAt", registered_position as place`;

export async function recipientOf(
  tx: Transaction,
  suffix: string,
  tenant: TenantId,
  subject: SubjectId,
): Promise<RecipientView | undefined> {
  const [row] = await tx.query<RecipientView & { readonly place: string }>({
    name: `recipient_of${suffix}`,
    text: `select ${VIEW} from recipients${suffix} where tenant = $1 and subject = $2`,
    values: [tenant, subject],
  });
  return row === undefined ? undefined : withoutPlace(row);
}

/** Devices (`push`) and endpoints, newest first. */
export const addressesOf = (tx: Transaction, suffix: string, tenant: TenantId, subject: SubjectId): Promise<readonly AddressView[]> =>
  tx.query<AddressView>({
    name: `addresses_of${suffix}`,
    text: `select channel, platform, address, added_at as "addedAt" from recipient_addresses${suffix}
      where tenant = $1 and subject = $2 and address is not null order by position desc`,
    values: [tenant, subject],
  });

/** Keyed hashes: purpose `address` of an address's key text, purpose `tag` of a tag. What is absent does not narrow. */
export type RecipientFilter = { readonly email?: KeyedHash; readonly phone?: KeyedHash; readonly tag?: KeyedHash };

/** Newest first. */
export async function recipientsPage(
  tx: Transaction,
  suffix: string,
  { tenant, email, phone, tag }: RecipientFilter & { readonly tenant: TenantId },
  { limit, place }: PageRequest,
): Promise<Page<RecipientView>> {
  const where = conditions();
  where.narrow(tenant, (it) => `tenant = ${it}`);
  where.narrow(email, (it) => `email_key = ${it}`);
  where.narrow(phone, (it) => `phone_key = ${it}`);
  where.narrow(tag, (it) => `tag_keys @> array[${it}::text]`);
  where.narrow(place, (it) => `registered_position < ${it}`);
  const most = where.param(limit + 1);
  const rows = await tx.query<RecipientView & { readonly place: string }>({
    text: `select ${VIEW} from recipients${suffix} where ${where.sql()} order by registered_position desc limit ${most}`,
    values: where.values,
  });
  const { rows: shown, next } = pageOf(rows, limit, (last) => last.place);
  return { rows: shown.map(withoutPlace), next };
}

const withoutPlace = ({ subject, version, profile, registeredAt, changedAt }: RecipientView): RecipientView => ({
  subject,
  version,
  profile,
  registeredAt,
  changedAt,
});
