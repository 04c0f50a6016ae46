import { trusted, type StreamName, type TenantId } from './ids.ts';

/** What a stream is named after. The noun ends at the first dash; tenant ids hold no underscore, so the tenant ends at the first one. */
export type Noun = 'notification' | 'engagement' | 'batch' | 'recipient' | 'template' | 'catalogue' | 'tenant' | 'audit';

export const streamOf = (noun: Noun, tenant: TenantId, id: string): StreamName => trusted(`${noun}-${tenant}_${id}`);

export function partsOf(stream: StreamName): { readonly noun: Noun; readonly tenant: TenantId; readonly id: string } {
  const dash = stream.indexOf('-');
  const underscore = stream.indexOf('_', dash);
  return {
    noun: trusted(stream.slice(0, dash)),
    tenant: trusted(stream.slice(dash + 1, underscore)),
    id: stream.slice(underscore + 1),
  };
}
