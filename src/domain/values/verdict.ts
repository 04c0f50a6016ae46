export const GATES = ['facts', 'address', 'expiry', 'duplicate', 'schedule', 'allowlist', 'consent', 'batch'] as const;
export type Gate = (typeof GATES)[number];
/** Gates that come with later issues add their codes here and to docs/explaining.md. */
export type VerdictCode =
  'no_address' | 'expired' | 'duplicate' | 'scheduled' | 'not_allowlisted' | 'no_consent' | 'batch_paused' | 'erased' | 'facts_unavailable';
export type GateVerdict = {
  readonly gate: Gate;
  readonly verdict: 'pass' | 'suppress' | 'defer';
  readonly code?: VerdictCode;
  /** Why, for a person to read; holds nothing personal. */
  readonly because: string;
  /** What the gate read, with versions: `{ profile: 3 }`. Nothing personal. */
  readonly facts?: { readonly [name: string]: string | number | boolean | null };
};

/** Every gate's verdict, in order; deliveries that share a trace point to it, so that 500 recipients cost a few lines. */
export type Trace = readonly GateVerdict[];
