import Type from 'typebox';
import { count, shape } from '../kernel/schema.ts';

/** `first`: in the order of the channels, until a provider has accepted it, or until it is delivered, waiting that long for each. */
export type Routing =
  | { readonly method: 'all' }
  | { readonly method: 'first'; readonly until: 'accepted' }
  | { readonly method: 'first'; readonly until: 'delivered'; readonly waitMs: number };

/** As a caller asks for it: how long to wait may be left open. */
export type RoutingInput =
  Exclude<Routing, { until: 'delivered' }> | { readonly method: 'first'; readonly until: 'delivered'; readonly waitMs?: number };

/** How long `first … until delivered` waits for a confirmation where nobody says. */
export const DEFAULT_WAIT_MS = 10 * 60_000;

/** How a routing is stored. */
export const routingSchema = Type.Union([
  shape({ method: Type.Literal('all') }),
  shape({ method: Type.Literal('first'), until: Type.Literal('accepted') }),
  shape({ method: Type.Literal('first'), until: Type.Literal('delivered'), waitMs: count }),
]);
