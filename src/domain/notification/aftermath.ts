import type { Position } from '../values/ids.ts';
import type { Instant } from '../values/instant.ts';
import type { TimelineEntry } from './explanation.ts';

/** What became of a delivery after its hand-off. It stands in a stream of its own: whoever explains reads both and tells it here. */
export type Aftermath = {
  readonly kind: 'confirmed' | 'bounced' | 'complained' | 'opened' | 'clicked' | 'read' | 'actioned';
  /** When it happened, as the provider says. */
  readonly at: Instant;
  readonly provider: string;
  readonly bounceType?: string;
  /** Opened or clicked by a scanner or a proxy: no person did. */
  readonly machine?: true;
  /** Where it was recorded. */
  readonly position: Position;
};
type Told = Readonly<Record<Aftermath['kind'], string>>;

const WHAT: Told = {
  confirmed: 'confirmed by the provider',
  bounced: 'bounced',
  complained: 'complained about',
  opened: 'opened',
  clicked: 'clicked',
  read: 'read',
  actioned: 'acted upon',
};

export const timelineOf = (aftermath: readonly Aftermath[]): readonly TimelineEntry[] =>
  aftermath.map(({ kind, at, provider, bounceType, machine, position }) => ({
    at,
    event: 'EngagementRecorded',
    what: machine ? `${WHAT[kind]} by a machine` : WHAT[kind],
    ...(bounceType !== undefined && { code: bounceType }),
    provider,
    position,
  }));

const SENTENCE: Told = {
  confirmed: 'the provider confirmed its arrival',
  bounced: 'it bounced',
  complained: 'the person complained about it',
  opened: 'it was opened',
  clicked: 'a link in it was followed',
  read: 'it was read',
  actioned: 'it was acted upon',
};
/** What tells most comes first: a complaint more than a bounce, a bounce more than a confirmation, as in the delivery's status. */
const TELLING: readonly Aftermath['kind'][] = ['complained', 'bounced', 'actioned', 'clicked', 'read', 'opened', 'confirmed'];

/** How a sentence goes on that says what became of the hand-off; undefined: nothing has been heard of it since. */
export function sequelOf(aftermath: readonly Aftermath[]): string | undefined {
  const byPeople = aftermath.filter(({ machine }) => machine !== true).sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const [most] = TELLING.flatMap((kind) => byPeople.find((it) => it.kind === kind) ?? []);
  if (most === undefined) return undefined;
  return `, and ${SENTENCE[most.kind]} on ${most.at}${most.bounceType === undefined ? '' : ` (${most.bounceType})`}`;
}
