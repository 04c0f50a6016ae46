import type { Vault } from '../../commands/ports.ts';
import type { EventFeed, FeedBatch } from '../../consumers/ports.ts';
import type { Sealed } from '../../domain/kernel/personal.ts';
import { PortError } from '../../domain/kernel/portError.ts';
import { trusted, type TenantId } from '../../domain/values/ids.ts';
import type { KeyRows, PeriodRef, SubjectRef } from './keyRows.ts';

/** `first`: as far as the first events that hold something sealed. `all`: the whole log; `told` hears how many events were looked at. */
export type KeysFit = { readonly depth: 'first' | 'all'; readonly told?: (events: number) => void };
type Parts = {
  readonly feed: Pick<EventFeed, 'readAll'>;
  readonly rows: Pick<KeyRows, 'read'>;
  readonly vault: Pick<Vault, 'open'>;
};

const PAGE = 500;

/**
 * Makes sure that these keys are those of this log, as far as it was told to look: each key that something is sealed under has a row, if only
 * a tombstone, and what is sealed opens. In front of other keys, or of none, new ones would be made for people whose data lies under the lost ones.
 * @throws PortError `invalid`, `keys_of_another_log`.
 */
export async function checkKeysFit({ feed, rows, vault }: Parts, { depth, told }: KeysFit = { depth: 'first' }): Promise<void> {
  let after: Parameters<EventFeed['readAll']>[0] = 'start';
  let [looked, missing] = [0, 0];
  for (let over = false; !over;) {
    const page = await feed.readAll(after, {}, PAGE);
    const handles = handlesIn(page);
    const absent = handles.length === 0 ? 0 : await absentOf(rows, handles);
    if (absent === 0) await openOne(vault, handles);
    missing += absent;
    looked += page.events.length;
    told?.(looked);
    over = page.caughtUp || page.upTo === after || (depth === 'first' && handles.length > 0);
    after = page.upTo;
  }
  if (missing > 0) throw unfit(`${String(missing)} keys that it needs are not there`);
}

/** That there is a row of this name is no proof for what people share, whose keys are named by their month alone. */
async function openOne(vault: Parts['vault'], handles: readonly Sealed[]): Promise<void> {
  const one = handles.find(({ subject }) => subject === undefined) ?? handles[0];
  if (one === undefined) return;
  await vault.open([one]).catch((error: unknown) => {
    throw error instanceof PortError && error.code === 'seal_broken' ? unfit('what it holds does not open') : error;
  });
}

const unfit = (why: string): PortError =>
  new PortError(
    'invalid',
    'keys_of_another_log',
    `The keys at TIDINGS_KEYS_URL do not fit the log: ${why}. Restore them (tidings keys restore) or point to the right databases.`,
  );

const isHandle = (it: object): it is Sealed => 'sealed' in it && 'aad' in it && typeof it.sealed === 'string';

function handlesIn({ events }: FeedBatch): readonly Sealed[] {
  const found: Sealed[] = [];
  const visit = (it: unknown): void => {
    if (typeof it !== 'object' || it === null) return;
    if (isHandle(it)) found.push(it);
    else Object.values(it).forEach(visit);
  };
  for (const event of events) if ('event' in event) visit(event.event.data);
  return found;
}

async function absentOf(rows: Parts['rows'], handles: readonly Sealed[]): Promise<number> {
  const subjects = new Map<string, SubjectRef>();
  const periods = new Map<string, PeriodRef>();
  for (const { tenant: name, subject, class: dataClass, period, sealed } of handles) {
    const tenant = trusted<TenantId>(name);
    periods.set(`${name} ${dataClass} ${period}`, { tenant, class: dataClass, period });
    if (subject === undefined) continue;
    const generation = Number(sealed.slice(0, sealed.indexOf('.')));
    subjects.set(`${name} ${subject} ${String(generation)}`, { tenant, subject, generation });
  }
  const found = await rows.read([...subjects.values()], [...periods.values()]);
  return (
    [...subjects.keys()].filter((_, at) => found.subjects[at] === undefined).length +
    [...periods.keys()].filter((_, at) => found.periods[at] === undefined).length
  );
}
