import type { Projection, Transaction } from '../../consumers/ports.ts';
import { eventsOf } from '../../domain/kernel/eventsOf.ts';
import type { Personal } from '../../domain/kernel/personal.ts';
import type {
  AddressAdded,
  AddressRemoved,
  OwnAddress,
  Profile,
  ProfileChanged,
  RecipientEvent,
  RecipientRegistered,
} from '../../domain/recipient/events.ts';
import { recipientStorage } from '../../domain/recipient/storage.ts';
import { Rows } from '../rows.ts';
import { upsert } from '../upsert.ts';

type RecipientRow = {
  tenant: string;
  subject: string;
  version: number;
  profile: Personal<Profile>;
  email_key: string | null;
  phone_key: string | null;
  tag_keys: readonly string[];
  registered_at: string;
  changed_at: string;
  registered_position: string;
  position: string;
};
type AddressRow = {
  tenant: string;
  subject: string;
  id: string;
  channel: string;
  platform: string | null;
  /** Null: removed. */
  address: Personal<OwnAddress> | null;
  key: string | null;
  added_at: string | null;
  position: string;
};

const recipientEvents = eventsOf<RecipientEvent>(recipientStorage);

/** `recipients`: profiles, sealed, by keyed hashes; `recipient_addresses`: devices and endpoints, removed ones as an empty row. */
export const recipientsProjection: Projection = {
  name: 'recipients',
  version: 1,
  nouns: ['recipient'],
  facts: true,
  tables: ['recipients', 'recipient_addresses'],
  schema: (suffix) => `
    create table recipients${suffix} (
      tenant text collate "C" not null,
      subject text collate "C" not null,
      version integer not null,
      -- A Sealed handle: what it takes to open it, but for the keys.
      profile json not null,
      email_key text collate "C",
      phone_key text collate "C",
      tag_keys text[] not null,
      registered_at timestamptz,
      changed_at timestamptz not null,
      registered_position text collate "C",
      position text collate "C" not null,
      primary key (tenant, subject)
    );
    create index recipients${suffix}_email on recipients${suffix} (tenant, email_key) where email_key is not null;
    create index recipients${suffix}_phone on recipients${suffix} (tenant, phone_key) where phone_key is not null;
    create index recipients${suffix}_tags on recipients${suffix} using gin (tag_keys);
    create index recipients${suffix}_newest on recipients${suffix} (tenant, registered_position desc);
    comment on table recipients${suffix} is 'Profiles, sealed; found by keyed hashes.';
    select tidings_protect('recipients${suffix}');
    create table recipient_addresses${suffix} (
      tenant text collate "C" not null,
      subject text collate "C" not null,
      -- Keyed hash of the caller's id of the device or endpoint.
      id text collate "C" not null,
      channel text collate "C" not null,
      platform text collate "C",
      address json,
      key text collate "C",
      added_at timestamptz,
      position text collate "C" not null,
      primary key (tenant, subject, id)
    );
    comment on table recipient_addresses${suffix} is 'Devices and endpoints, sealed; a removed one leaves its hashed id, so that a replay does not bring it back.';
    select tidings_protect('recipient_addresses${suffix}');`,
  apply: async (recorded, tx, suffix) => {
    const recipients = new Rows<RecipientRow>();
    const addresses = new Rows<AddressRow>();
    for (const { event, meta, position } of recipientEvents(recorded)) {
      const of = { tenant: meta.tenantId, subject: event.data.subject, position };
      const key = `${of.tenant} ${of.subject}`;
      if ('id' in event.data) addresses.set(`${key} ${event.data.id}`, { ...of, ...addressColumns(event.data) });
      else recipients.set(key, { ...of, ...profileColumns(event.data, position) });
    }
    if (recipients.size > 0) await writeRecipients(tx, suffix, recipients);
    if (addresses.size > 0) await writeAddresses(tx, suffix, addresses);
  },
};

function profileColumns(data: RecipientRegistered['data'] | ProfileChanged['data'], position: string): Partial<RecipientRow> {
  const { version, profile, keys } = data;
  const hashes = { email_key: keys.email?.hash ?? null, phone_key: keys.phone?.hash ?? null, tag_keys: keys.tags };
  const instants =
    'registeredAt' in data
      ? { registered_at: data.registeredAt, registered_position: position, changed_at: data.registeredAt }
      : { changed_at: data.changedAt };
  return { version, profile, ...hashes, ...instants };
}

function addressColumns(data: AddressAdded['data'] | AddressRemoved['data']): Partial<AddressRow> {
  const { id, channel } = data;
  if ('removedAt' in data) return { id, channel, platform: null, address: null, key: null, added_at: null };
  return { id, channel, platform: data.platform ?? null, address: data.address, key: data.key.hash, added_at: data.addedAt };
}

const writeRecipients = (tx: Transaction, suffix: string, rows: Rows<RecipientRow>) =>
  tx.query({
    text: upsert(
      `recipients${suffix}`,
      'tenant text, subject text, version integer, profile json, email_key text, phone_key text, tag_keys text[], ' +
        'registered_at timestamptz, changed_at timestamptz, registered_position text, position text',
      { key: ['tenant', 'subject'], first: ['registered_at', 'registered_position'], absent: 'becomes null' },
    ),
    values: [rows.json()],
  });

const writeAddresses = (tx: Transaction, suffix: string, rows: Rows<AddressRow>) =>
  tx.query({
    text: upsert(
      `recipient_addresses${suffix}`,
      'tenant text, subject text, id text, channel text, platform text, address json, key text, added_at timestamptz, position text',
      { key: ['tenant', 'subject', 'id'], absent: 'becomes null' },
    ),
    values: [rows.json()],
  });
