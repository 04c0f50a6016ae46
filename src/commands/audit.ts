import type { AuditEntry } from '../domain/audit/audit.ts';
import type { AccessEntry, AdministrationEntry, RejectionEntry } from '../domain/audit/events.ts';
import { PortError } from '../domain/kernel/portError.ts';
import { isRejection } from '../domain/kernel/rejection.ts';
import type { StreamName, TenantId } from '../domain/values/ids.ts';
import { streamOf } from '../domain/values/streams.ts';
import type { Clock, EventLog, EventWrite, ExpectedRevision, Ids, WriteResult } from './ports.ts';
import { AUDIT } from './registry.ts';

export type AuditPorts = {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Told of entries that nobody waits for and that could not be written: counted and logged by number alone. */
  readonly lost: (entries: number, error: unknown) => void;
};

/** Collects what is to be audited and appends it in batches: while one append is under way, the next fills. */
export interface AuditRecorder {
  /** Resolves once the entry is durable: what it tells of (personal data shown) waits for it. @throws PortError `unavailable`. */
  access(tenant: TenantId, entry: AccessEntry): Promise<void>;
  administration(tenant: TenantId, entry: AdministrationEntry): Promise<void>;
  /** Nobody waits; under a flood of refusals, what does not fit is counted as lost. */
  rejected(tenant: TenantId, entry: RejectionEntry): void;
  /** Waits until everything taken so far is written or lost. */
  drain(): Promise<void>;
}

type Waiting = {
  readonly tenant: TenantId;
  readonly entry: AuditEntry;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

type Group = { readonly stream: StreamName; readonly commandId: string; readonly entries: readonly Waiting[] };

/** Entries that may wait; beyond it the log is too slow for what happens, and callers are told so. Of refusals half as many: nobody waits for them. */
export const MAX_WAITING = 10_000;
/** Of one append, over all its streams. */
const MAX_BATCH = 1000;
/** An entry that names many people counts as many. */
const weightOf = ({ entry }: AuditEntry): number => 1 + ('refused' in entry ? entry.refused.people.length : 0);
/** Other processes write to the same streams; each try uses the revision that the one before was told. */
const MAX_TRIES = 20;
/** Streams, one a tenant and day. */
const MAX_REMEMBERED = 10_000;

/** One for a process. */
export function auditRecorder(ports: AuditPorts): AuditRecorder {
  const waiting: Waiting[] = [];
  let weight = 0;
  /** Where this process has last seen the streams of the day: their contents decide nothing, so they are never read. */
  const revisions = new Map<StreamName, ExpectedRevision>();
  let flushing: Promise<void> | undefined;

  function record(tenant: TenantId, entry: AuditEntry): Promise<void> {
    if (weight >= (entry.kind === 'rejection' ? MAX_WAITING / 2 : MAX_WAITING))
      return Promise.reject(new PortError('unavailable', 'audit_overloaded', 'the audit cannot keep up; try again later'));
    return new Promise((done, failed) => {
      waiting.push({ tenant, entry, done, failed });
      weight += weightOf(entry);
      flushing ??= flush();
    });
  }

  async function flush(): Promise<void> {
    // Let everything that is recorded in the same turn join.
    await Promise.resolve();
    while (waiting.length > 0) {
      const taken = waiting.splice(0, atOnce());
      weight -= taken.reduce((sum, { entry }) => sum + weightOf(entry), 0);
      try {
        await write(taken);
      } catch (error) {
        for (const { failed } of taken) failed(error);
      }
    }
    // In the same turn in which nothing was left: whoever comes next starts anew.
    flushing = undefined;
  }

  /** How many of those that wait go into one append: the first always. */
  function atOnce(): number {
    let [count, heavy] = [0, 0];
    for (const { entry } of waiting) {
      heavy += weightOf(entry);
      if (heavy > MAX_BATCH && count > 0) break;
      count += 1;
    }
    return count;
  }

  async function write(taken: readonly Waiting[]): Promise<void> {
    let groups = groupsOf(taken);
    for (let tries = 0; groups.length > 0 && tries < MAX_TRIES; tries++) {
      const results = await ports.log.append(groups.map(writeOf));
      groups = groups.filter((group, at) => !settle(group, results[at]));
    }
    fail(groups, new PortError('unavailable', 'contended', 'the audit changed at every try'));
  }

  /** False: somebody else wrote first. */
  function settle(group: Group, result: WriteResult | undefined): boolean {
    if (result === undefined) return false;
    if (result.ok) {
      remember(group.stream, result.revision);
      for (const { done } of group.entries) done();
    } else if (result.conflict) {
      remember(group.stream, result.actual);
      return false;
    } else {
      fail([group], result.error);
    }
    return true;
  }

  const fail = (groups: readonly Group[], error: unknown): void => {
    for (const { failed } of groups.flatMap(({ entries }) => entries)) failed(error);
  };

  function remember(stream: StreamName, revision: ExpectedRevision): void {
    // Forgetting costs one conflict for each stream, and yesterday's are never asked for again.
    if (revisions.size >= MAX_REMEMBERED) revisions.clear();
    revisions.set(stream, revision);
  }

  function writeOf({ stream, commandId, entries }: Group): EventWrite {
    const decision = AUDIT.decider.decide(
      { type: 'RecordEntries', data: { entries: entries.map(({ entry }) => entry) } },
      AUDIT.decider.initial(),
    );
    if (isRejection(decision)) throw new TypeError('the audit refuses nothing');
    const envelope = { commandId, correlationId: commandId, causationId: commandId, actor: RECORDER, occurredAt: ports.clock.now() };
    return { stream, at: revisions.get(stream) ?? 'absent', events: decision, envelope };
  }

  /** By stream; each group is one command, also when it is tried again. */
  function groupsOf(taken: readonly Waiting[]): Group[] {
    const groups = new Map<StreamName, Waiting[]>();
    for (const it of taken) {
      const stream = streamOf('audit', it.tenant, it.entry.entry.at.slice(0, 10));
      const group = groups.get(stream);
      if (group === undefined) groups.set(stream, [it]);
      else group.push(it);
    }
    return [...groups].map(([stream, entries]) => ({ stream, commandId: ports.ids.uuid(), entries }));
  }

  return {
    access: (tenant, entry) => record(tenant, { kind: 'access', entry }),
    administration: (tenant, entry) => record(tenant, { kind: 'administration', entry }),
    rejected: (tenant, entry) => {
      record(tenant, { kind: 'rejection', entry }).catch((error: unknown) => {
        ports.lost(1, error);
      });
    },
    drain: async () => {
      while (flushing !== undefined) await flushing;
    },
  };
}

const RECORDER = { kind: 'system', id: 'audit' } as const;
