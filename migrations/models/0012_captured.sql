-- What the capture provider took instead of sending it: for development, staging, test keys and the outbox. Kept 24 hours.
create table captured (
  -- Newest first is descending id; a page's place.
  id bigint generated always as identity primary key,
  tenant text collate "C" not null,
  -- Delivery id and attempt: a message handed over twice is kept once.
  key text collate "C" not null,
  channel text not null,
  notification_id text collate "C" not null,
  delivery_id text collate "C" not null,
  -- Keyed hash of the normalised address it went to.
  address_key text collate "C" not null,
  -- The message, sealed as `content` of its subject: with the subject's key it is gone.
  content json not null,
  captured_at timestamptz not null,
  unique (tenant, key)
);
create index captured_newest on captured (tenant, id desc);
create index captured_address on captured (tenant, address_key, id desc);
create index captured_notification on captured (tenant, notification_id, id desc);
create index captured_age on captured (captured_at);
comment on table captured is 'Messages that were captured instead of sent; purged after 24 hours.';

select tidings_protect('captured');
-- DELETE /v1/captured empties a tenant's own.
grant delete on captured to tidings_api;
