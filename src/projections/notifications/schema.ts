/**
 * Tables of the read model: `notifications`, a row each, `deliveries`, a row per recipient × channel, and `refusals`, a row per person whom
 * a request named and acceptance refused; partitioned by the month of the request. Nothing personal stands here: subjects, keyed hashes, codes and provider ids. `status` of a delivery is what its hand-off
 * says; `tidings_delivery_status` overlays the feedback. `counts` are its deliveries by outward status.
 *
 * A delivery changes two or three times and no index holds what changes then, so that an update stays on its page (HOT) and touches
 * none of them: that is why the index of dead letters asks for `dead` and not for `status`.
 */
export const schema = (suffix: string): string => `
create table if not exists notifications${suffix} (
  tenant text not null, id uuid not null, requested_at timestamptz(3) not null, revision int not null,
  type text not null, category text not null, class text not null, priority text not null, mode text not null,
  batch uuid, chunk int, key text, source text, correlation text not null,
  template text, template_version int,
  scheduled boolean not null, plan_at timestamptz(3) not null, expires_on timestamptz(3), expires_after_ms bigint,
  recipients int not null, refused int not null, channels text[] not null,
  status text not null default 'accepted', counts jsonb not null default '{}',
  primary key (tenant, id, requested_at)
) partition by range (requested_at);
create index if not exists notifications${suffix}_newest on notifications${suffix} (tenant, requested_at desc, id desc);
create index if not exists notifications${suffix}_batch on notifications${suffix} (tenant, batch, chunk) where batch is not null;
create index if not exists notifications${suffix}_key on notifications${suffix} (tenant, key) where key is not null;
select tidings_protect('notifications${suffix}');

create table if not exists deliveries${suffix} (
  tenant text not null, notification uuid not null, requested_at timestamptz(3) not null,
  n int not null, revision int not null, tries smallint not null default 0, doubt boolean not null default false,
  planned_at timestamptz(3), sent_at timestamptz(3), due_at timestamptz(3),
  subject text not null, status text not null, code text, provider text, message_id text, locale text,
  attempts jsonb, feedback jsonb,
  dead boolean not null generated always as (status in ('failed', 'dead_lettered', 'unknown')) stored,
  primary key (tenant, notification, n, requested_at)
) partition by range (requested_at);
create index if not exists deliveries${suffix}_subject on deliveries${suffix} (tenant, subject, requested_at desc);
create index if not exists deliveries${suffix}_dead on deliveries${suffix} (tenant, requested_at desc, notification, n)
  where dead;
select tidings_protect('deliveries${suffix}');

create table if not exists refusals${suffix} (
  tenant text not null, requested_at timestamptz(3) not null, position text collate "C" not null, n int not null,
  subject text not null, notification uuid, batch uuid, place int not null, type text not null, code text not null, detail text not null,
  primary key (tenant, position, n, requested_at)
) partition by range (requested_at);
create index if not exists refusals${suffix}_subject on refusals${suffix} (tenant, subject, requested_at desc);
select tidings_protect('refusals${suffix}');
`;
