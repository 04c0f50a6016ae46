const RETURNED = `a.id, a.kind, a.tenant, a.target, a.items, a.priority, a.due_at, a.tries`;
/** Milliseconds, as instants have them: `until` stands in events, whose actions are due at that very instant. */
const END = (ms: string, now: string): string => `date_trunc('milliseconds', ${now} + ${ms} * interval '1 ms')`;

/** Items of recoveries; about half of what mail servers have under way at once. */
const RECOVERED_AT_ONCE = 32;

/**
 * Claims a group. $1 its id, $2 kinds, $3 the tenant whose turn was last, $4 items, $5 worker, $6 milliseconds.
 *
 * `best`: nothing while the table, or the facts that gates decide by, is built for the first time, as after a loss of the database. Of the kinds that have something due, the best priority, then recoveries, then what has waited longest: one look into the index
 * each. What has to be recovered was begun before all that waits, and until then nobody knows what became of it.
 * `size`: items, as asked for; fewer of recoveries, of which only the first to be asked again are: the others would be loaded and kept from
 * other claims for nothing.
 * `walk`: tenants with such actions one after the other, from the one after $3 once around, skipping through the index (a loose scan).
 * `due`: those that have something due. Each may give an equal share; taken in rounds, one action of each a round, until there are
 * enough items. Rows that another drainer is claiming are passed over. `until` in `run_at` is what takes them from the others.
 */
export const CLAIM = `
with recursive clock as materialized (
  select tidings_now() as now
), best as materialized (
  select p.priority::smallint as priority, k.kind
    from generate_series(0, 3) p (priority) cross join unnest($2::text[]) k (kind)
   cross join lateral (
     select a.run_at from actions a
      where a.priority = p.priority::smallint and a.kind = k.kind and a.run_at <= (select now from clock) order by a.run_at limit 1
   ) oldest
   where exists (select from consumers c where c.name = 'actions' and c.state = 'live' and c.caught_up_at is not null and c.stopped is null)
     and not exists (select from consumers c where c.facts and c.state = 'live' and c.caught_up_at is null)
   order by p.priority, k.kind <> 'recover', oldest.run_at limit 1
), size as materialized (
  select least($4::int, case when b.kind = 'recover' then ${String(RECOVERED_AT_ONCE)} end) as most from best b
), walk (tenant, first, place) as (
  select s.tenant, s.tenant, 0 from best b cross join lateral (
    select coalesce(
      (select a.tenant from actions a where a.priority = b.priority and a.kind = b.kind and a.tenant > $3 order by a.tenant limit 1),
      (select a.tenant from actions a where a.priority = b.priority and a.kind = b.kind order by a.tenant limit 1)) as tenant
  ) s where s.tenant is not null
  union all
  select s.tenant, w.first, w.place + 1 from walk w cross join best b cross join lateral (
    select coalesce(
      (select a.tenant from actions a where a.priority = b.priority and a.kind = b.kind and a.tenant > w.tenant order by a.tenant limit 1),
      (select a.tenant from actions a where a.priority = b.priority and a.kind = b.kind order by a.tenant limit 1)) as tenant
  ) s where s.tenant <> w.first
), due as materialized (
  select w.tenant, w.place from walk w
   where exists (select from best b join actions a on a.priority = b.priority and a.kind = b.kind
                  where a.tenant = w.tenant and a.run_at <= (select now from clock))
   limit 50
), candidate as materialized (
  select c.id, d.place, row_number() over (partition by d.tenant order by c.run_at, c.id) as turn, greatest(1, cardinality(c.items)) as n
    from best b cross join due d cross join lateral (
      select a.id, a.items, a.run_at from actions a
       where a.priority = b.priority and a.kind = b.kind and a.tenant = d.tenant and a.run_at <= (select now from clock)
       order by a.run_at limit greatest(1, (select most from size) / (select count(*) from due)) for update skip locked
    ) c
), chosen as materialized (
  select id, turn, place from (
    select id, turn, place, n, sum(n) over (order by turn, place) as so_far from candidate
  ) s, size where s.so_far <= size.most or s.so_far = s.n
), made as (
  insert into claims (id, worker, kind, until)
  select $1, $5, b.kind, ${END('$6', 'clock.now')} from best b cross join clock where exists (select from chosen)
  returning until
)
update actions a set claim = $1, run_at = m.until from chosen c cross join made m where a.id = c.id
returning ${RETURNED}, m.until, c.turn::int as turn, c.place`;

/** Moves actions of the claim $2 into the new claim $1. $3 ids of actions, $4 worker, $5 milliseconds. */
export const REGROUP = `
with ended as (
  delete from claims where id = $2
), mine as materialized (
  select a.id, a.kind from actions a where a.claim = $2 and a.id = any ($3::text[]) order by a.id for update
), made as (
  insert into claims (id, worker, kind, until)
  select $1, $4, min(kind), ${END('$5', 'tidings_now()')} from mine having count(*) > 0 returning until
)
update actions a set claim = $1, run_at = m.until from mine cross join made m where a.id = mine.id
returning ${RETURNED}, m.until, 0 as turn, 0 as place`;

/** Milliseconds until the earliest action of the kinds $1 is due. */
export const NEXT_DUE = `
select (extract(epoch from min(earliest.run_at) - tidings_now()) * 1000)::float8 as ms
  from generate_series(0, 3) p (priority) cross join unnest($1::text[]) k (kind)
 cross join lateral (
   select a.run_at from actions a
    where a.priority = p.priority::smallint and a.kind = k.kind and a.run_at < 'infinity' order by a.run_at limit 1
 ) earliest`;
