-- Keys (docs/decisions/0003): may be a database of its own, with backups of its own, so that a restore of anything else
-- does not bring back the erased. Every key here is wrapped by a master key, which no database holds. The api reaches nothing of it
-- directly: vault, subjects and blobs act as tidings_worker, and every statement names its tenant.
--
-- A destroyed key leaves a tombstone: its row without the key. No row is ever deleted, or a destroyed key could be made again.

-- Which set of keys this is: named at first use, so that copies of an empty database differ. A backup carries it and is restored
-- over itself or into an empty place only.
create table key_store (
  only_one boolean primary key default true check (only_one),
  id uuid not null default gen_random_uuid()
);

-- The key of a person: 32 bytes, wrapped (60).
create table subject_keys (
  tenant text collate "C" not null,
  -- 22 characters of base64url, random.
  subject text collate "C" not null,
  -- From 1; a person who was erased and registered anew under the same subject starts the next.
  generation integer not null check (generation > 0),
  master_id text collate "C",
  wrapped bytea,
  -- The caller's own id of the person, sealed under this key alone; null for who was only ever named by an address.
  label bytea,
  destroyed_at timestamptz,
  primary key (tenant, subject, generation),
  check ((wrapped is null) = (destroyed_at is not null) and (master_id is null) = (wrapped is null)),
  check (destroyed_at is null or label is null)
);

-- The key of a tenant's class of data and month: retention destroys it.
create table period_keys (
  tenant text collate "C" not null,
  class text collate "C" not null check (class in ('identity', 'content', 'engagement', 'evidence')),
  -- YYYY-MM, UTC.
  period text collate "C" not null check (period ~ '^\d{4}-\d\d$'),
  master_id text collate "C",
  wrapped bytea,
  destroyed_at timestamptz,
  primary key (tenant, class, period),
  check ((wrapped is null) = (destroyed_at is not null) and (master_id is null) = (wrapped is null))
);

-- Keyed hash of what a caller calls a person → our subject. Erasure empties the row and keeps its hash.
create table subject_aliases (
  tenant text collate "C" not null,
  hmac text collate "C" not null,
  subject text collate "C",
  -- Version of the rules by which the name was normalised before it was hashed.
  normalisation smallint not null,
  erased_at timestamptz,
  primary key (tenant, hmac),
  check ((subject is null) = (erased_at is not null))
);
create index subject_aliases_subject on subject_aliases (tenant, subject) where subject is not null;

-- The key from which all of a tenant's keyed hashes derive. Rewrapped when master keys rotate, never replaced.
create table index_keys (
  tenant text collate "C" primary key,
  master_id text collate "C" not null,
  wrapped bytea not null
);

-- Attachments: sealed like every personal value, outside the log, which holds their ids and hashes (sealed as well).
create table blobs (
  tenant text collate "C" not null,
  id text collate "C" not null,
  -- Null: shared by several people, under the period's key alone.
  subject text collate "C",
  class text collate "C" not null,
  period text collate "C" not null,
  -- Of the subject's key; 0: none.
  generation integer not null,
  -- Name, type, size in bytes and SHA-256 of the content, sealed: a hash in clear would let a guess be confirmed.
  about bytea not null,
  sealed bytea not null,
  expires_at timestamptz not null,
  primary key (tenant, id)
);
-- Ciphertext does not shrink.
alter table blobs alter column sealed set storage external;
create index blobs_expiry on blobs (expires_at);
create index blobs_subject on blobs (tenant, subject) where subject is not null;

do $$
declare
  the_table text;
begin
  foreach the_table in array array['subject_keys', 'period_keys', 'subject_aliases', 'index_keys', 'blobs'] loop
    perform tidings_protect(the_table::regclass);
    execute format('revoke all on %s from tidings_api', the_table);
  end loop;
  foreach the_table in array array['subject_keys', 'period_keys', 'subject_aliases', 'index_keys'] loop
    execute format('revoke delete on %s from tidings_worker', the_table);
  end loop;
end $$;
grant select, insert, update on key_store to tidings_worker;
