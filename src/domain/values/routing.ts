import Type from 'typebox';

/** `first`: in the order of the channels, until a provider has accepted it, or until it is delivered, waiting that long for each. */
export type Routing =
  | { readonly method: 'all' }
  | { readonly method: 'first'; readonly until: 'accepted' }
  | { readonly method: 'first'; readonly until: 'delivered'; readonly waitMs: number };

const closed = { additionalProperties: false } as const;
/** How a routing is stored. */
export const routingSchema = Type.Union([
  Type.Object({ method: Type.Literal('all') }, closed),
  Type.Object({ method: Type.Literal('first'), until: Type.Literal('accepted') }, closed),
  Type.Object({ method: Type.Literal('first'), until: Type.Literal('delivered'), waitMs: Type.Integer({ minimum: 0 }) }, closed),
]);
