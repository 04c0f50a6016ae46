/** What the columns tell of a first try that was taken, once there is another one to be told. */
const FIRST_TRY = `jsonb_build_array(jsonb_build_object('attempt', 1, 'provider', d.provider, 'at',
  to_char(d.sent_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'outcome', 'sent'))`;

type Statement = { readonly name: string; readonly text: string };

/**
 * One statement per table and kind of change; each takes its rows as one JSON parameter, deliveries that are alike as one of them. A first try that was taken is
 * told by the row's own columns, and no list of attempts is kept for it.
 */
export const statements = (
  suffix: string,
): Readonly<Record<'notifications' | 'added' | 'changed' | 'feedback' | 'moved' | 'counts' | 'refusals', Statement>> => ({
  notifications: {
    name: `notifications_insert${suffix}`,
    text: `insert into notifications${suffix} (tenant, id, requested_at, revision, type, category, class, priority, mode, batch, chunk, key,
             source, template, template_version, correlation, scheduled, plan_at, expires_on, expires_after_ms, recipients, refused, channels)
      select tenant, notification, "requestedAt", revision, type, category, class, priority, mode, batch, chunk, key,
             source, template, "templateVersion", correlation, scheduled, "planAt", "expiresOn", "expiresAfterMs", recipients, refused, array(select json_array_elements_text(channels))
        from json_to_recordset($1) as x (tenant text, notification uuid, "requestedAt" timestamptz, revision int, type text, category text,
             class text, priority text, mode text, batch uuid, chunk int, key text, source text, template text, "templateVersion" int, correlation text, scheduled boolean,
             "planAt" timestamptz, "expiresOn" timestamptz, "expiresAfterMs" bigint, recipients int, refused int, channels json)
      on conflict do nothing`,
  },
  added: {
    name: `deliveries_insert${suffix}`,
    text: `insert into deliveries${suffix} (tenant, notification, requested_at, n, revision, subject, status)
      select g.tenant, g.notification, g."requestedAt", x.n, 0, x.subject, 'queued'
        from json_to_recordset($1) as g (tenant text, notification uuid, "requestedAt" timestamptz, items int[], subjects text[])
       cross join lateral unnest(g.items, g.subjects) as x (n, subject)
      on conflict do nothing`,
  },
  // The revision guards against a second application; \`doubt\` is what turns an end as unsent into \`unknown\` (domain/notification).
  changed: {
    name: `deliveries_update${suffix}`,
    // Spread out first, once: joined group by group, each of its deliveries would be compared with all of the notification.
    text: `with x as materialized (
        select g.*, i.n, i.message_id
          from json_to_recordset($1) as g (tenant text, notification uuid, "requestedAt" timestamptz, items int[], "messageIds" text[], revision int,
               status text, unsent boolean, "startsFirst" boolean, doubt boolean, tries smallint, code text, "setsCode" boolean, provider text,
               locale text, "plannedAt" timestamptz, "dueAt" timestamptz, "sentAt" timestamptz, attempts jsonb, plain boolean)
         cross join lateral unnest(g.items, g."messageIds") as i (n, message_id))
      update deliveries${suffix} d set
        revision = x.revision,
        doubt = d.doubt or x.doubt or (x."startsFirst" and d.status = 'sending'),
        status = case when x.unsent and (d.doubt or x.doubt or (x."startsFirst" and d.status = 'sending')) then 'unknown' else x.status end,
        tries = d.tries + x.tries,
        code = case when x."setsCode" then x.code else d.code end,
        provider = coalesce(x.provider, d.provider), locale = coalesce(x.locale, d.locale), message_id = coalesce(x.message_id, d.message_id),
        planned_at = coalesce(d.planned_at, x."plannedAt"), sent_at = coalesce(d.sent_at, x."sentAt"), due_at = x."dueAt",
        attempts = case when x.attempts is null or (x.plain and d.attempts is null and d.sent_at is null) then d.attempts
                        else coalesce(d.attempts, case when d.sent_at is not null then ${FIRST_TRY} end, '[]') || x.attempts end
      from x
      where d.tenant = x.tenant and d.notification = x.notification and d.n = x.n and d.requested_at = x."requestedAt" and d.revision < x.revision`,
  },
  feedback: {
    name: `deliveries_feedback${suffix}`,
    text: `update deliveries${suffix} d set feedback = tidings_merge_feedback(d.feedback, x.feedback)
      from json_to_recordset($1) as x (tenant text, notification uuid, "requestedAt" timestamptz, n int, feedback jsonb)
      where d.tenant = x.tenant and d.notification = x.notification and d.n = x.n and d.requested_at = x."requestedAt"`,
  },
  moved: {
    name: `notifications_moved${suffix}`,
    text: `update notifications${suffix} n set revision = x.revision, plan_at = x."planAt", scheduled = true
      from json_to_recordset($1) as x (tenant text, notification uuid, "requestedAt" timestamptz, revision int, "planAt" timestamptz)
      where n.tenant = x.tenant and n.id = x.notification and n.requested_at = x."requestedAt" and n.revision < x.revision`,
  },
  counts: counts(`notifications_counts${suffix}`, suffix),
  refusals: {
    name: `refusals_insert${suffix}`,
    text: `insert into refusals${suffix} (tenant, requested_at, position, n, subject, notification, batch, place, type, code, detail)
      select tenant, "requestedAt", position, n, subject, notification, batch, place, type, code, detail
        from json_to_recordset($1) as x (tenant text, "requestedAt" timestamptz, position text, n int, subject text, notification uuid,
             batch uuid, place int, type text, code text, detail text)
      on conflict do nothing`,
  },
});

/** Counted anew for what was touched, and so right however often an event comes. */
const counts = (name: string, suffix: string): Statement => ({
  name,
  text: `with touched as (
        select tenant, notification, "requestedAt" as requested_at
          from json_to_recordset($1) as x (tenant text, notification uuid, "requestedAt" timestamptz)),
      counted as (
        select d.tenant, d.notification, d.requested_at, tidings_delivery_status(d.status, d.feedback) as status, count(*) as number,
               bool_or(d.planned_at is not null and d.status <> 'deferred') as begun
          from touched t join deliveries${suffix} d
            on d.tenant = t.tenant and d.notification = t.notification and d.requested_at = t.requested_at
         where d.status <> 'left' group by 1, 2, 3, 4),
      summed as (
        select tenant, notification, requested_at, jsonb_object_agg(status, number) as counts, bool_or(begun) as begun,
               sum(number) filter (where status in ('queued', 'deferred', 'sending')) as pending,
               sum(number) as total, sum(number) filter (where status = 'cancelled') as cancelled,
               sum(number) filter (where status = 'expired') as expired
          from counted group by 1, 2, 3)
      update notifications${suffix} n set counts = s.counts,
        status = case
          when s.pending > 0 and not s.begun and n.scheduled then 'scheduled'
          when s.pending > 0 and not s.begun then 'accepted'
          when s.pending > 0 then 'processing'
          when s.cancelled = s.total then 'cancelled'
          when s.expired = s.total then 'expired'
          else 'completed' end
      from summed s where n.tenant = s.tenant and n.id = s.notification and n.requested_at = s.requested_at`,
});
