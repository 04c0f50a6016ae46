import type { Projection, Transaction } from '../consumers/ports.ts';
import { actionChanges, type AskedRow, type SettledRow } from './actionChanges.ts';
import { keepReservations, reservationsIn } from './planning/keepReservations.ts';
import { ACTIONS_CHANNEL, type Process } from './process.ts';

/**
 * Keeps the table of actions (migrations/models/0003_actions.sql) a function of the log: what the processes ask for and settle. It only
 * inserts, subtracts and deletes; drainers carry actions out, and stand still while this is rebuilt. `version` counts on when a `react`
 * changes its answers about events of the past: the table is then built anew. What planners have reserved is kept beside it, since
 * drainers wait for this consumer after a loss of the database, and must not plan without either.
 */
export function actionsConsumer(processes: readonly Process[], version = 1): Projection {
  return {
    name: 'actions',
    version,
    nouns: [...new Set(processes.flatMap(({ nouns }) => nouns))],
    types: [...new Set(processes.flatMap(({ types }) => types))],
    facts: false,
    inPlace: true,
    schema: () => '',
    tables: ['actions'],
    apply: async (events, tx) => {
      const { settled, asked } = actionChanges(processes, events);
      if (settled.length > 0) await subtract(tx, settled);
      if (asked.length > 0) await insert(tx, asked);
      const reserved = reservationsIn(events);
      if (reserved.length > 0) await keepReservations(reserved, tx);
      const last = events.at(-1);
      if (last) await release(tx, last.position);
    },
  };
}

/** Rows are locked in the order of their ids, as drainers do, so that nobody waits in a circle. */
const subtract = (tx: Transaction, settled: readonly SettledRow[]): Promise<unknown> =>
  tx.query({
    name: 'actions.settle',
    text: `with settled as (
             select * from json_to_recordset($1) as s (tenant text, target text, kind text, items integer[], whole boolean)
           ), hit as materialized (
             select a.id, a.items, s.items as gone, s.whole from settled s
               join actions a on a.target = s.target and a.tenant = s.tenant and a.kind = s.kind
              where s.whole or a.items <> '{}' order by a.id for update of a
           ), remains as materialized (
             select id, cardinality(items) as n,
                    case when whole then '{}' else array(select unnest(items) except select unnest(gone) order by 1) end as items
               from hit
           ), gone as (
             delete from actions a using remains r where a.id = r.id and r.items = '{}'
           )
           update actions a set items = r.items from remains r where a.id = r.id and r.items <> '{}' and cardinality(r.items) < r.n`,
    values: [JSON.stringify(settled)],
  });

/**
 * Drainers learn of the earliest instant. What a living claim has planned and not started yet is born as its own: in anybody else's hands it
 * would be loaded and rendered for nothing. It is free as the rest of the claim is: when that ends (`release`), or its time is over.
 */
const insert = (tx: Transaction, asked: readonly AskedRow[]): Promise<unknown> =>
  tx.query({
    name: 'actions.ask',
    text: `with asked as (
             insert into actions (id, process, kind, tenant, target, items, priority, due_at, run_at, claim)
             select a.id, process, a.kind, tenant, target, items, priority, due_at, coalesce(c.until, due_at), c.id
               from json_to_recordset($1) as a (id text, process text, kind text, tenant text, target text, items integer[],
                                                priority smallint, due_at timestamptz, held_by uuid)
               left join claims c on c.id = a.held_by
             on conflict (id) do nothing returning run_at
           )
           select pg_notify('${ACTIONS_CHANNEL}', to_char(min(run_at), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) from asked having count(*) > 0`,
    values: [JSON.stringify(asked)],
  });

/** What is still there of a group whose results have been read by now is free again: it was not done. */
const release = (tx: Transaction, position: string): Promise<unknown> =>
  tx.query({ name: 'actions.release', text: 'select actions_release($1)', values: [position] });
