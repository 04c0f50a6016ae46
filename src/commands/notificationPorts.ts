import type { AttachmentRef } from '../domain/values/message.ts';
import type { TypeRules } from '../domain/policy/terms.ts';
import type { Channel, MessageClass } from '../domain/values/channel.ts';
import type { Content } from '../domain/values/content.ts';
import type { SubjectId, TenantId } from '../domain/values/ids.ts';
import type { ContextPorts } from './caller.ts';
import type { KeepAddresses } from './keepAddresses.ts';
import type { EventLog, Subjects } from './ports.ts';
import type { RecordRefusals } from './recordRefusals.ts';

/** A tenant's catalogue and settings as acceptance reads them; what a command of this process changed is seen at once. */
export type CatalogueView = {
  readonly type: (key: string) => (TypeRules & { readonly template?: string; readonly variablesSchema?: object }) | undefined;
  readonly categoryClass: (key: string) => MessageClass | undefined;
  readonly unknownTypes: 'allow' | 'reject';
};
export interface Catalogues {
  viewOf(tenant: TenantId): Promise<CatalogueView>;
}

/** A published version, as acceptance needs it. */
export type TemplateFacts = { readonly version: number; readonly channels: readonly Channel[]; readonly variablesSchema?: object };
export interface PublishedTemplates {
  /** `version` absent: the current one. Undefined: no such template, or not published. */
  find(tenant: TenantId, key: string, version?: number): Promise<TemplateFacts | undefined>;
}

export type StoredFile = { readonly filename: string; readonly contentType: string; readonly content: Uint8Array };
/** Sealed blobs outside the log. */
export interface Files {
  /** In order. `subject`: whose key seals it, where it is one person's. @throws PortError `unavailable`. */
  put(tenant: TenantId, files: readonly (StoredFile & { readonly subject?: SubjectId })[]): Promise<readonly AttachmentRef[]>;
  /** What was uploaded before; a missing or expired one is left out. */
  find(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, AttachmentRef>>;
}

/** A violation of a JSON Schema; `path`: JSON Pointer into the variables. */
export type SchemaViolation = { readonly path: string; readonly message: string };

export type NotificationPorts = ContextPorts & {
  readonly log: EventLog;
  readonly subjects: Subjects;
  readonly catalogues: Catalogues;
  readonly templates: PublishedTemplates;
  readonly files: Files;
  readonly checkVariables: (schema: object, variables: object) => readonly SchemaViolation[];
  /** Content that a caller brings must compile: errors by JSON Pointer into the content. */
  readonly checkContent: (content: Content) => readonly SchemaViolation[];
  readonly keepAddresses: KeepAddresses;
  readonly recordRefusals: RecordRefusals;
  /** Counts for metrics: `accepted`, `rejected`, `replayed` recipients. */
  readonly watch: (outcome: 'accepted' | 'rejected' | 'replayed', count: number) => void;
};
