-- What this installation began with: see checkKeyStore.
create table installation (
  only_one boolean primary key default true check (only_one),
  -- `key_store.id` of the keys that everything here is sealed under.
  key_store uuid not null
);
grant select, insert, update on installation to tidings_worker;
