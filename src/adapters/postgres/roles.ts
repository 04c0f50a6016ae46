import type pg from 'pg';
import { PortError } from '../../domain/kernel/portError.ts';
import { INSUFFICIENT_PRIVILEGE, sqlStateOf } from './sqlError.ts';

export const ROLES = ['tidings_api', 'tidings_worker'] as const;

const quoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

async function missingSteps(session: pg.Client, login: string): Promise<readonly string[]> {
  const { rows } = await session.query<{ role: string; exists: boolean; member: boolean }>(
    `select wanted.role, r.oid is not null as exists,
            coalesce(pg_has_role((select oid from pg_roles where rolname = $2), r.oid,
                     -- From 16 on the maker of a role is its member without the right to become it.
                     case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end), false) as member
       from unnest($1::text[]) as wanted (role) left join pg_roles r on r.rolname = wanted.role order by wanted.role`,
    [ROLES, login],
  );
  return rows.flatMap(({ role, exists, member }) => [
    ...(exists ? [] : [`create role ${role} nologin`]),
    ...(member ? [] : [`grant ${role} to ${quoted(login)}`]),
  ]);
}

/** Roles belong to the cluster: another database's migration may make them at the same moment. */
const MADE_MEANWHILE = new Set(['42710', '23505', 'XX000']);

async function attempt(session: pg.Client, statement: string): Promise<'done' | 'denied' | 'again'> {
  try {
    await session.query(statement);
    return 'done';
  } catch (error) {
    const state = sqlStateOf(error) ?? '';
    if (state === INSUFFICIENT_PRIVILEGE) return 'denied';
    if (MADE_MEANWHILE.has(state)) return 'again';
    throw error;
  }
}

/**
 * Makes the two roles without login and lets `login` (unless told, the session's own user) become them.
 * @throws PortError `invalid`, `roles_missing`: its message ends with the SQL that someone with more rights has to run.
 */
export async function ensureRoles(session: pg.Client, login?: string): Promise<void> {
  const user = login ?? (await session.query<{ name: string }>('select session_user as name')).rows[0]?.name ?? '';
  for (let tries = 0; tries < 5; tries += 1) {
    const steps = await missingSteps(session, user);
    for (const step of steps) {
      const outcome = await attempt(session, step);
      if (outcome === 'again') break;
      if (outcome === 'denied')
        throw new PortError(
          'invalid',
          'roles_missing',
          `The owner's login may not make the roles that Tidings needs. Run this as a superuser, then start again:\n${steps.map((sql) => `${sql};`).join('\n')}`,
        );
    }
    if (steps.length === 0) return;
  }
  if ((await missingSteps(session, user)).length > 0)
    throw new PortError('unavailable', 'roles_contended', 'The database roles could not be made: another session is making them.');
}
