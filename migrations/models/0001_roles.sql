-- Isolation of tenants (docs/decisions/0006). Every set of migrations (log, keys, models) runs this file first, since each may live in a
-- database of its own. The roles tidings_api and tidings_worker themselves are made before it, because roles belong to the cluster.
--
-- The convention: every table that holds a tenant's rows has a column `tenant text not null`, and the migration (or a projection's
-- schema) that makes it calls
--     select tidings_protect('the_table');
-- After that tidings_api, bound by row-level security that binds the owner too, reads the rows of the tenant that
-- `asTenant` has set for the transaction, and none when none is set; tidings_worker reads and writes the rows of all tenants.
-- Where the api writes as well, the migration grants that by itself: `grant insert on the_table to tidings_api` (the policy
-- holds for what it writes too). Where the worker must not change rows, the migration revokes.

grant usage on schema public to tidings_api, tidings_worker;

-- Row-level security and grants for one table of a tenant; calling it again changes nothing. Only the owner calls it.
create or replace function tidings_protect(the_table regclass) returns void
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', the_table);
  execute format('alter table %s force row level security', the_table);
  execute format('drop policy if exists tidings_api on %s', the_table);
  execute format('drop policy if exists tidings_worker on %s', the_table);
  -- The sub-select is evaluated once per statement, not once per row.
  execute format(
    'create policy tidings_api on %s to tidings_api using (tenant = (select current_setting(''tidings.tenant'', true)))', the_table);
  execute format('create policy tidings_worker on %s to tidings_worker using (true)', the_table);
  execute format('grant select on %s to tidings_api', the_table);
  execute format('grant select, insert, update, delete on %s to tidings_worker', the_table);
end;
$$;

revoke execute on function tidings_protect(regclass) from public;
