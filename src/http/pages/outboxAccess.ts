import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../commands/ports.ts';
import { present } from '../../domain/kernel/present.ts';
import type { Access } from '../access.ts';
import type { Secrets } from '../ports.ts';

export type OutboxSession = {
  readonly id: string;
  readonly access: Access;
  readonly csrf: string;
  readonly until: number;
  /** What opened it, as an Authorization field: it is good for as long as that is. Absent: a link did. */
  readonly credentials?: string;
};

const SESSION_MS = 12 * 3_600_000;
const MOST_SESSIONS = 1000;
const MOST_LINKS = 100;

/** Who may look into the outbox in a browser: one-time links become sessions, which live in this process and end with it. */
export interface OutboxAccess {
  /** A token that opens one session, once. */
  link(access: Access): string;
  /** Nothing where the token was used, or never given out. */
  redeem(token: string): OutboxSession | undefined;
  open(access: Access, credentials: string): OutboxSession;
  find(id: string | undefined): OutboxSession | undefined;
  close(id: string): void;
}

export const SESSION_SECONDS = SESSION_MS / 1000;

function keepNewest(entries: Map<string, unknown>, most: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}

export function createOutboxAccess({ secrets, clock }: { readonly secrets: Secrets; readonly clock: Clock }): OutboxAccess {
  const links = new Map<string, Access>();
  const sessions = new Map<string, OutboxSession>();

  function open(access: Access, credentials?: string): OutboxSession {
    const until = clock.epochMs() + SESSION_MS;
    const session = { id: secrets.token(), access, csrf: secrets.token(), until, ...present({ credentials }) };
    sessions.set(session.id, session);
    keepNewest(sessions, MOST_SESSIONS);
    return session;
  }

  return {
    link: (access) => {
      const token = secrets.token();
      links.set(token, access);
      keepNewest(links, MOST_LINKS);
      return token;
    },
    redeem: (token) => {
      const access = links.get(token);
      if (access === undefined) return undefined;
      links.delete(token);
      return open(access);
    },
    open,
    find: (id) => {
      const session = id === undefined ? undefined : sessions.get(id);
      if (session === undefined || session.until > clock.epochMs()) return session;
      sessions.delete(session.id);
      return undefined;
    },
    close: (id) => {
      sessions.delete(id);
    },
  };
}

/** Compares what a form brought with the session's own token (a page of another origin cannot know it). */
export function isFromOurForm(session: OutboxSession, token: string | null): boolean {
  const [given, own] = [Buffer.from(token ?? ''), Buffer.from(session.csrf)];
  return given.length === own.length && timingSafeEqual(given, own);
}
