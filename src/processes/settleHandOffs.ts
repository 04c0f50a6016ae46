import type { Time } from '../consumers/ports.ts';
import type { WaitFor } from '../consumers/waitFor.ts';
import type { Position, StreamName } from '../domain/values/ids.ts';
import type { LiveClaims } from './queue.ts';

export type Concerning = { readonly subjects: readonly string[]; readonly addressKeys: readonly string[] };
/** What must be in the facts before anyone looks for claims. */
export type FactsAt = { readonly projection: string; readonly position: Position; readonly stream: StreamName };
export type SettlePorts = { readonly waitFor: WaitFor['waitFor']; readonly claims: LiveClaims; readonly time: Time };

const POLL_MS = 50;

/**
 * The handshake behind an acknowledged opt-out (docs/architecture.md, step 5): first the facts have it, then every claim that was live at that
 * moment and names the person or the address has ended. `pending`: not within `boundMs`, or the facts stream is parked.
 */
export async function settleHandOffs(
  { waitFor, claims, time }: SettlePorts,
  who: Concerning,
  { facts, boundMs }: { readonly facts: FactsAt; readonly boundMs: number },
): Promise<'settled' | 'pending'> {
  const until = time.epochMs() + boundMs;
  if ((await waitFor(facts.projection, facts.position, { stream: facts.stream, boundMs })) !== 'reached') return 'pending';
  let live = await claims.naming(who.subjects, who.addressKeys);
  while (live.length > 0) {
    if (time.epochMs() >= until) return 'pending';
    await new Promise<void>((resolve) => void time.after(POLL_MS, resolve));
    live = await claims.live(live);
  }
  return 'settled';
}
