import type { Position } from '../domain/values/ids.ts';
import { GONE_BACK } from './doubt.ts';
import { checkpointOf } from './lease.ts';
import { isBefore, type Checkpoint } from './position.ts';
import type { Transaction } from './ports.ts';

/** One set of tables of a consumer, as `GET /v1/projections` shows it. */
export type ConsumerStatus = {
  readonly name: string;
  /** `_v3`: a rebuild stands beside the live one under the same name. */
  readonly suffix: string;
  /** Whether queries read these tables; false: they are being built beside those that are read. */
  readonly isRead: boolean;
  readonly version: number;
  /** `stopped` and `idle` (nobody holds it) need someone; `doubtful`: it stands still and looks whether it is to stop. */
  readonly status: 'live' | 'building' | 'idle' | 'doubtful' | 'stopped';
  /** Why it stopped, or may: `head_below_checkpoint`. */
  readonly reason?: string;
  readonly position: Checkpoint;
  readonly head: Checkpoint;
  /** Milliseconds since it last knew that nothing lay before it; 0 at the head. */
  readonly lag: number;
  /** Events per second of late. */
  readonly rate: number;
  /** Events set aside, those that wait behind others included. */
  readonly parked: number;
  readonly holder?: string;
};

type Row = {
  readonly name: string;
  readonly suffix: string;
  readonly version: number;
  readonly state: 'live' | 'building';
  readonly position: string | null;
  readonly stopped: string | null;
  readonly doubted: boolean;
  readonly holder: string | null;
  readonly lag: number;
  readonly rate: number;
  readonly parked: number;
};

/** `head`: the log's, read before. */
export async function consumersStatus(tx: Transaction, head: Position | 'start'): Promise<readonly ConsumerStatus[]> {
  const rows = await tx.query<Row>({
    text: `select c.name, c.suffix, c.version, c.state, c.position, c.stopped, c.doubted_at is not null as doubted, c.rate::float8 as rate,
                  case when c.lease_until > tidings_now() then c.holder end as holder,
                  (extract(epoch from tidings_now() - coalesce(c.caught_up_at, c.created_at)) * 1000)::float8 as lag,
                  (select count(*) from parked_events p where p.name = c.name and p.suffix = c.suffix)::int4 as parked
             from consumers c where c.state in ('live', 'building') order by c.name, c.suffix`,
  });
  return rows.map((row) => statusOf(row, head));
}

function standing({ stopped, doubted, holder, state }: Row): ConsumerStatus['status'] {
  if (stopped !== null) return 'stopped';
  if (doubted) return 'doubtful';
  return holder === null ? 'idle' : state;
}

function statusOf(row: Row, head: Position | 'start'): ConsumerStatus {
  const position = checkpointOf(row.position);
  const { name, suffix, version, parked } = row;
  const status = standing(row);
  const reason = row.stopped ?? (row.doubted ? GONE_BACK : undefined);
  return {
    name,
    suffix,
    isRead: row.state === 'live',
    version,
    status,
    position,
    head,
    lag: isBefore(position, head) ? Math.max(0, Math.round(row.lag)) : 0,
    rate: status === 'live' || status === 'building' ? Math.round(row.rate * 10) / 10 : 0,
    parked,
    ...(reason !== undefined && { reason }),
    ...(row.holder !== null && { holder: row.holder }),
  };
}
