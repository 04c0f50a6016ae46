import type { Fact } from '../kernel/decider.ts';
import type { Channel, MessageClass, Priority } from '../values/channel.ts';
import type { Instant } from '../values/instant.ts';
import type { JsonMembers } from '../values/mergePatch.ts';
import type { Routing } from '../values/routing.ts';

export const FREQUENCIES = ['immediate', 'hourly', 'daily', 'weekly'] as const;
export type Frequency = (typeof FREQUENCIES)[number];

/** What a person can leave. Its class decides which law binds, and never changes. */
export type Category = {
  readonly class: MessageClass;
  /** By BCP 47 tag. */
  readonly title: { readonly [locale: string]: string };
  readonly canOptOut: boolean;
  readonly defaultFrequency?: Frequency;
};

/** What the catalogue says of a type; a request may only tighten it. What is absent falls to the tenant, then to the service. */
export type MessageType = {
  readonly category: string;
  /** A template's key; its current version is used. */
  readonly template?: string;
  /** Candidates, in order. */
  readonly channels?: readonly Channel[];
  readonly routing?: Routing;
  readonly priority?: Priority;
  readonly expiresAfterMs?: number;
  /** JSON Schema 2020-12 that a request's variables must satisfy. */
  readonly variablesSchema?: JsonMembers;
  /** Absent: the category's. */
  readonly canOptOut?: boolean;
  readonly unknownOutcome?: 'retry' | 'hold';
};

/** Each holds the whole new entry. `version` counts an entry's changes from 1; it is the ETag. */
type CategorySet = { readonly key: string; readonly version: number; readonly category: Category };
export type CategoryDeclared = Fact<'CategoryDeclared', CategorySet & { readonly declaredAt: Instant }>;
export type CategoryChanged = Fact<'CategoryChanged', CategorySet & { readonly changedAt: Instant }>;

type TypeSet = { readonly key: string; readonly version: number; readonly messageType: MessageType };
export type TypeDeclared = Fact<'TypeDeclared', TypeSet & { readonly declaredAt: Instant }>;
export type TypeChanged = Fact<'TypeChanged', TypeSet & { readonly changedAt: Instant }>;

export type CatalogueEvent = CategoryDeclared | CategoryChanged | TypeDeclared | TypeChanged;
