import type { Pool, QueryArrayConfig } from 'pg';
import { PortError } from '../../../domain/kernel/portError.ts';
import type { Position, StreamName } from '../../../domain/values/ids.ts';
import { beyondHead } from '../checks.ts';
import type { FeedBatch, Filter, StoredEvent } from '../port.ts';
import { numberOf, positionOf } from '../positions.ts';
import type { OnDisk } from './onDisk.ts';
import { codeOf } from './failure.ts';

export type Queryable = Pick<Pool, 'query'>;
export type PageLimits = {
  readonly events: number;
  /** UTF-8 bytes; a page ends with the event that reaches them. */
  readonly bytes: number;
  /** Positions that one page looks at: what bounds a statement whose filter lets little pass. */
  readonly window: number;
};

type Row = readonly (string | null)[];
type Query = { readonly name: string; readonly text: string; readonly values?: unknown[] };

// Everything comes as the text it is: parsing `json` here would cost twice and lose the stored form.
const VERBATIM = { getTypeParser: () => (value: unknown) => value };
const EVENT = 'position, stream, revision, type, id, data, metadata';

const FORWARDS = `select ${EVENT} from log.events where stream = $1 and revision >= $2 and position <= $4 order by revision limit $3`;
const BACKWARDS = `select ${EVENT} from log.events where stream = $1 and revision <= $2 and position <= $4 order by revision desc limit $3`;

// `offset 0` keeps the planner from turning one look-up per stream into a scan of the table, and `+ 0` from walking through the index of all
// positions for each of them as well, which it does on a table that was never analysed.
const STREAMS = `
  select ${EVENT.replaceAll(/\w+/g, 'e.$&')} from json_array_elements_text($1) with ordinality as s(name, n)
  cross join lateral (select * from log.events e where e.stream = s.name and e.position + 0 <= $2 order by e.revision offset 0) e
  order by s.n, e.revision`;

// One statement, one snapshot: the head, and what passes the filter of the next positions. Without any, the head alone.
// A noun of its own column was no faster to filter by (40 ms for 200,000 events either way), and 13 bytes a row larger.
const PAGE = `
  select h.head, ${EVENT.replaceAll(/\w+/g, 'p.$&')}, p.bytes
  from (select coalesce(max(position), 0) as head from log.events) h
  left join lateral (
    select * from (
      select e.*, sum(e.bytes) over (order by e.position rows unbounded preceding) - e.bytes as before
      from (
        select ${EVENT}, bytes from log.events
        where position > $1 and position <= $2
          and ($3::text[] is null or split_part(stream, '-', 1) = any($3)) and ($4::text[] is null or type = any($4))
        order by position limit $5
      ) e
    ) e where e.before < $6
  ) p on true
  order by p.position`;

/** The largest bigint. */
const ANY_POSITION = '9223372036854775807';
const HEAD = 'select coalesce(max(position), 0) from log.events';
// It has something to commit, which waits for the disk, and with it for all that it sees.
const FLUSH = `select coalesce(max(position), 0), pg_logical_emit_message(true, 'tidings', '') from log.events`;

/** The reads of the log, each statement with a deadline (ms). None hands out what is not on disk. */
export class Pages {
  readonly #pool: Queryable;
  readonly #deadlineMs: number;
  readonly #onDisk: OnDisk;

  constructor(pool: Queryable, deadlineMs: number, onDisk: OnDisk) {
    this.#pool = pool;
    this.#deadlineMs = deadlineMs;
    this.#onDisk = onDisk;
  }

  async stream(
    stream: StreamName,
    from: number,
    how: { readonly backwards: boolean; readonly limit: number },
  ): Promise<readonly StoredEvent[]> {
    const name = how.backwards ? 'log_backwards' : 'log_forwards';
    const rows = await this.#kept({ name, text: how.backwards ? BACKWARDS : FORWARDS, values: [stream, from, how.limit] });
    return rows.map((row) => eventOf(row, 0));
  }

  async streams(streams: readonly StreamName[]): Promise<ReadonlyMap<StreamName, readonly StoredEvent[]>> {
    const found = new Map<StreamName, StoredEvent[]>(streams.map((stream) => [stream, []]));
    if (found.size === 0) return found;
    const rows = await this.#kept({ name: 'log_streams', text: STREAMS, values: [JSON.stringify([...found.keys()])] });
    for (const row of rows) {
      const event = eventOf(row, 0);
      found.get(event.stream)?.push(event);
    }
    return found;
  }

  async head(): Promise<Position | 'start'> {
    const head = await this.#head();
    return head === 0 ? 'start' : positionOf(head);
  }

  /** As far as this process has heard of the log. @throws PortError `invalid` when the position lies beyond the head. */
  async after(position: Position | 'start', filter: Filter, limits: PageLimits): Promise<FeedBatch> {
    return (await this.#page(position, filter, limits)).batch;
  }

  /** As `after`, but where there is more than this process has heard of, it has not caught up: who goes on from there is told of it. */
  async current(position: Position | 'start', filter: Filter, limits: PageLimits): Promise<FeedBatch> {
    const isAsked = numberOf(position) >= this.#onDisk.upTo;
    const { batch, newest } = await this.#page(position, filter, limits);
    return { ...batch, caughtUp: batch.caughtUp && (isAsked || numberOf(batch.upTo) === newest) };
  }

  async #page(
    position: Position | 'start',
    filter: Filter,
    limits: PageLimits,
  ): Promise<{ readonly batch: FeedBatch; readonly newest: number }> {
    const from = numberOf(position);
    const certain = from < this.#onDisk.upTo ? this.#onDisk.upTo : await this.#head();
    const end = Math.min(from + limits.window, certain);
    const values = [from, end, filter.nouns ?? null, filter.types ?? null, limits.events, limits.bytes];
    const rows = await this.#rows({ name: 'log_page', text: PAGE, values });
    const newest = Number(rows[0]?.[0]);
    if (from > Math.min(newest, certain)) throw beyondHead();
    if (newest < certain) {
      this.#onDisk.forget();
      return this.#page(position, filter, limits);
    }
    const found = rows.filter((row) => row[1] !== null);
    const upTo = isCut(found, limits) ? Number(found.at(-1)?.[1] ?? from) : end;
    return { batch: { events: found.map((row) => eventOf(row, 1)), upTo: positionOf(upTo), caughtUp: upTo === certain }, newest };
  }

  /** The newest position that is on disk. */
  async #head(): Promise<number> {
    const { upTo: certain } = this.#onDisk;
    const newest = Number((await this.#rows({ name: 'log_head', text: HEAD }))[0]?.[0]);
    if (newest < certain) this.#onDisk.forget();
    if (newest <= this.#onDisk.upTo) return newest;
    const [flushed] = await this.#rows({ name: 'log_flush', text: FLUSH });
    this.#onDisk.reached(Number(flushed?.[0]));
    return this.#onDisk.upTo;
  }

  /**
   * Events; the query's last value, which is added here, is how far it may look. Where one was not on disk when it was found, they are read
   * again, as a crash in between may have put another in its place; and only as far as the disk has it by then, or the next one would follow.
   */
  async #kept({ values = [], ...query }: Query): Promise<readonly Row[]> {
    const rows = await this.#rows({ ...query, values: [...values, ANY_POSITION] });
    if (rows.every(([position]) => Number(position) <= this.#onDisk.upTo)) return rows;
    return this.#rows({ ...query, values: [...values, await this.#head()] });
  }

  async #rows(query: Query): Promise<readonly Row[]> {
    // `query_timeout` (ms) is the driver's; its type doesn't know of it.
    const config = { ...query, types: VERBATIM, rowMode: 'array', query_timeout: this.#deadlineMs } as QueryArrayConfig<unknown[]>;
    try {
      return (await this.#pool.query<(string | null)[]>(config)).rows;
    } catch (error) {
      throw new PortError('unavailable', 'log_read_failed', `the log could not be read (${codeOf(error)})`);
    }
  }
}

/** A page that stopped at a bound has seen nothing beyond its last event; any other has looked at the whole window. */
const isCut = (found: readonly Row[], limits: PageLimits): boolean =>
  found.length >= limits.events || found.reduce((sum, row) => sum + Number(row[8]), 0) >= limits.bytes;

function eventOf(row: Row, at: number): StoredEvent {
  const text = (column: number): string => row[at + column] ?? '';
  return {
    id: text(4),
    type: text(3),
    data: text(5),
    metadata: text(6),
    stream: text(1) as StreamName,
    revision: Number(text(2)),
    position: positionOf(text(0)),
  };
}
