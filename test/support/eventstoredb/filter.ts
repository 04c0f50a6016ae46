import type { RecordedEvent } from './ledger.ts';
import type { streamsPb } from './protocol.ts';

type Options = InstanceType<typeof streamsPb.ReadReq.Options.FilterOptions>;

/** `window`: how many events a server looks at before it hands on; `interval`: how many until it says how far it is. */
export type EventFilter = {
  readonly passes: (event: RecordedEvent) => boolean;
  readonly window: number;
  /** 0: never. */
  readonly interval: number;
};

/** What a server looks at in one go. */
const PAGE_EVENTS = 32;

export const everything: EventFilter = { passes: () => true, window: PAGE_EVENTS, interval: 0 };

/** @throws SyntaxError for an expression that is none. */
export function filterOf(options: Options | undefined): EventFilter {
  if (!options) return everything;
  const window = options.hasMax() ? options.getMax() : PAGE_EVENTS;
  const expression = options.getEventType() ?? options.getStreamIdentifier();
  const text = (event: RecordedEvent): string => (options.hasEventType() ? event.type : event.stream);
  const prefixes = expression?.getPrefixList() ?? [];
  const regex = expression?.getRegex() ?? '';
  const pattern = regex === '' ? undefined : new RegExp(regex);
  const passes = (event: RecordedEvent): boolean =>
    pattern === undefined ? prefixes.some((prefix) => text(event).startsWith(prefix)) : pattern.test(text(event));
  return { passes, window, interval: options.getCheckpointintervalmultiplier() * window };
}
